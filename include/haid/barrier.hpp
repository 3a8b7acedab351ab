// A place where a number of processes wait for each other, again and again. A process shares one with the children it
// forks after making it.
//
// A process that dies while it waits here has arrived: the others go on without it. One that dies before it arrives is
// waited for, for a barrier does not know who is to come: give the wait a time limit, or abort the barrier from who
// sees the death. Killed at any instant, a process leaves the barrier in order and nobody asleep who could go on.
//
// Thread-safe, but for construction and destruction. Waits go on after signals; nothing polls. One mapping of a page.
#pragma once

#include <chrono>
#include <cstddef>

#include "haid/detail/sync/deadline.hpp"
#include "haid/detail/sync/shared_memory.hpp"

namespace haid {

class Barrier {
  public:
    // `parties`: how many wait for each other. Throws std::invalid_argument for 0 or more than 2^31, std::system_error.
    explicit Barrier(std::size_t parties);
    ~Barrier();
    Barrier(const Barrier&) = delete;
    Barrier& operator=(const Barrier&) = delete;

    // Waits until `parties` have arrived; returns how many of this round were there before, each number once. Throws
    // BrokenBarrier where the barrier is or becomes broken, or is reset meanwhile.
    std::size_t wait() { return arrive(detail::Deadline::never()); }
    // Where the time passes, the barrier is broken: BrokenBarrier for all that wait.
    template <class Rep, class Period>
    std::size_t wait_for(const std::chrono::duration<Rep, Period>& time) {
        return arrive(detail::Deadline::after(time));
    }
    template <class Clock, class Duration>
    std::size_t wait_until(const std::chrono::time_point<Clock, Duration>& time) {
        return arrive(detail::Deadline::at(time));
    }
    // As std::barrier calls it.
    void arrive_and_wait() { wait(); }

    // Breaks the barrier until it is reset: BrokenBarrier for all that wait or come.
    void abort();
    // Makes it as new; BrokenBarrier for all that wait.
    void reset();

    std::size_t parties() const noexcept { return parties_; }
    // How many have arrived and wait for the others.
    std::size_t waiting() const noexcept;
    bool broken() const noexcept;

  private:
    struct State;

    std::size_t arrive(const detail::Deadline& deadline);

    detail::SharedMemory memory_;
    State* state_;
    std::size_t parties_;
};

}  // namespace haid
