// What a worker sees of a task while it runs it. Not for users: pool.hpp writes the code that runs here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>

#include "haid/codec.hpp"

namespace haid::detail {

// Some items of one call, one after another:
//
//     while (task.claim())
//         while (task.next()) try { encode(task, f(item task.item())); } catch (...) { task.failed(); }
//
// What an item writes is its value. If the process dies, the items before the running one are done, with their values;
// so next() is where an item ends and another begins.
class Task : public Encoder {
  public:
    // The whole task's input, of which the claimed items are a part.
    std::span<const std::byte> input() const { return input_; }
    std::uint64_t context() const { return context_; }
    // Of item 0 in the call.
    std::uint64_t first() const { return first_; }
    std::uint32_t item() const { return item_; }

    // The next few items, few enough that what comes after them does not wait for long. False: nothing is left here.
    virtual bool claim() = 0;

    bool next() {
        if (next_ == claimed_) return end_of_claim();
        begin(next_++);
        return true;
    }

    // The running item has thrown: what it has written is no value.
    virtual void failed(std::exception_ptr error) = 0;

  protected:
    ~Task() = default;

    // One store an item tells the parent all that it has to know if this process dies.
    void begin(std::uint32_t item) {
        item_ = item;
        value_begin_ = at_;
        store_progress(item, running);
    }
    // All items before this one are done, and it does not run.
    void mark(std::uint32_t item) {
        value_begin_ = at_;
        store_progress(item, 0);
    }
    virtual bool end_of_claim() = 0;

    std::span<const std::byte> input_;
    std::uint64_t context_ = 0;
    std::uint64_t first_ = 0;
    std::uint32_t item_ = 0;     // runs
    std::uint32_t next_ = 0;     // will run
    std::uint32_t claimed_ = 0;  // items before it are claimed
    std::byte* frame_begin_ = nullptr;
    std::byte* value_begin_ = nullptr;
    std::atomic<std::uint64_t>* progress_ = nullptr;

  private:
    static constexpr std::uint64_t running = std::uint64_t{1} << 31;
    void store_progress(std::uint32_t item, std::uint64_t state) {
        auto written = static_cast<std::uint64_t>(at_ - frame_begin_);
        progress_->store(static_cast<std::uint64_t>(item) << 32 | state | written, std::memory_order_release);
    }
};

// A function of the program that runs items in a worker. It catches what the user's code throws, and gives it to the
// task.
using RunTask = void (*)(Task&);

}  // namespace haid::detail
