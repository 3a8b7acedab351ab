// What the parent knows of the tasks that it has handed out. Lies in its own memory alone. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pool/call_under_way.hpp"

namespace haid::pool {

// A part of the shared memory.
struct Block {
    std::uint64_t offset;
    std::size_t size;
};

struct ActiveCall : CallUnderWay {
    using CallUnderWay::CallUnderWay;

    std::uint32_t tasks = 0;  // handed out and not resolved
    bool filled = false;      // no more input will come
    bool background = false;
    bool ends_workers = false;    // a task of it was found to, before an item is begun
    std::optional<Block> common;  // what all its tasks share
};

struct Task {
    ActiveCall* call = nullptr;  // nullptr: free
    std::uint32_t generation = 0;
    std::uint32_t items = 0;
    std::uint32_t open = 0;   // items not resolved
    std::uint64_t first = 0;  // index of item 0 in the call
    std::uint64_t function = 0;
    std::uint64_t context = 0;
    std::uint64_t input = 0;  // as in its slots
    std::uint32_t size = 0;
    std::uint32_t workers_ended = 0;  // before they had begun an item of it
    bool in_block = false;
};

class Ledger {
  public:
    // A number that no other task has or had. Never 0.
    std::uint64_t add(const Task& task);
    // nullptr where the task is resolved, or never was.
    Task* find(std::uint64_t number) { return knows(number) ? &tasks_[index_of(number)] : nullptr; }
    const Task* find(std::uint64_t number) const { return knows(number) ? &tasks_[index_of(number)] : nullptr; }
    void remove(std::uint64_t number);
    std::vector<std::uint64_t> of(const ActiveCall& call) const;

  private:
    static std::uint32_t index_of(std::uint64_t number) { return static_cast<std::uint32_t>(number); }
    bool knows(std::uint64_t number) const;

    std::vector<Task> tasks_;
    std::vector<std::uint32_t> free_;
};

}  // namespace haid::pool
