// The items that a node of a pool has been given and that have not come to their ends: how much work they are, whether
// there is room for more, and what is to be done with them when the node is lost.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "remote/active_call.hpp"
#include "remote/messages.hpp"

namespace haid::remote {

// So much work lies ready on a node for each of its workers: more than a network and the loops on both sides take for
// the way there and back, less than anybody waits for.
inline constexpr double work_ready = 50e6;  // nanoseconds

struct Task {
    ActiveCall* call;
    std::uint64_t first;  // of item 0
    std::uint32_t from;
    std::vector<bool> open;  // from `from` on: not resolved
    std::uint32_t left;
    std::uint32_t losses;  // nodes that had it and were lost
    std::uint64_t function;
    std::uint64_t context;
    std::shared_ptr<const Bytes> input;
    double item_time;  // as it was thought to be

    std::uint64_t begin() const { return first + from; }
    std::uint64_t end() const { return begin() + open.size(); }
    // Throws DecodeError where one of these items is not of the task, or is resolved.
    void require_open(std::uint64_t first_item, std::uint32_t count) const;
    // The same task, but only its items `at` to `behind`, counted from `from`, which all are open.
    Task part(std::size_t at, std::size_t behind) const;
};

class Assignments {
  public:
    // Workers of the node; 0: it takes nothing yet, or no more.
    void set_workers(int workers) { workers_ = workers; }
    int workers() const { return workers_; }

    bool empty() const { return tasks_.empty(); }
    bool has_any_of(const ActiveCall& call) const;
    // Not resolved.
    std::uint64_t items() const { return items_; }
    bool has_room() const;
    // For a task that has been on a node that was lost: one for each worker, so that if this node is lost, too, those
    // alone are suspected that may have run.
    bool has_room_for_suspects() const { return suspects_ < workers_; }

    void add(Task task);
    // nullptr: it is of no interest (any more).
    Task* find(std::uint64_t call, std::uint64_t item);
    // These items of the task, which are open; it is gone where they were the last.
    void resolve(Task& task, std::uint64_t first, std::uint32_t count);
    void drop(const ActiveCall& call);
    // All that is open of calls that still want it, in as many parts as it takes to find out which item it is that ends
    // its node, if one does.
    std::vector<Task> take_back();

  private:
    using Tasks = std::map<std::pair<std::uint64_t, std::uint64_t>, Task>;  // by call's number and first item to run

    void forget(const Task& task, std::uint32_t items);
    Tasks::iterator erase(Tasks::iterator task);

    int workers_ = 0;
    int suspects_ = 0;  // tasks that were on a node that was lost
    Tasks tasks_;
    std::uint64_t items_ = 0;
    double work_ = 0;  // nanoseconds that they will take the workers, as far as that is known
};

}  // namespace haid::remote
