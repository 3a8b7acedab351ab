// Counting permits between processes. A process shares one with the children it forks after making it.
//
//     haid::Semaphore seats(4);
//     ... fork ...
//     seats.acquire(); ...; seats.release();
//
// A permit has no owner: whoever dies with one does not give it back, and it is missing from then on. Where that must
// not be, use a Lock. A process that dies while it waits, or at any instant of acquire and release, leaves the
// semaphore in order, and nobody asleep who could go on.
//
// Thread-safe, but for construction and destruction. Waits go on after signals; nothing polls. Not strictly first come,
// first served. Cost: one mapping of a page; acquire without waiting is one atomic operation.
#pragma once

#include <chrono>
#include <cstddef>

#include "haid/detail/sync/deadline.hpp"
#include "haid/detail/sync/shared_memory.hpp"

namespace haid {

class Semaphore {
  public:
    // Permits there can be.
    static constexpr std::size_t max = 0x7fff'ffff;

    // Throws std::invalid_argument beyond max, std::system_error.
    explicit Semaphore(std::size_t initial = 1) : Semaphore(initial, max) {}
    ~Semaphore();
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;

    // Takes a permit; waits until there is one.
    void acquire() { take(detail::Deadline::never()); }
    // false: there is none.
    bool try_acquire() { return take(detail::Deadline::immediate()); }
    // false: the time has passed and there is none.
    template <class Rep, class Period>
    bool try_acquire_for(const std::chrono::duration<Rep, Period>& time) {
        return take(detail::Deadline::after(time));
    }
    template <class Clock, class Duration>
    bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& time) {
        return take(detail::Deadline::at(time));
    }
    // Gives `permits` back, whoever took them; wakes who waits. Throws Error, and gives none, where there would be more
    // than max (BoundedSemaphore: than at first). More than 1000 may be given in several steps.
    void release(std::size_t permits = 1);
    // How many there are now.
    std::size_t value() const noexcept;

  protected:
    Semaphore(std::size_t initial, std::size_t limit);

  private:
    struct State;

    bool take(const detail::Deadline& deadline);

    detail::SharedMemory memory_;
    State* state_;
    std::size_t limit_;
};

// Finds mistakes: to release more often than was acquired is an Error.
class BoundedSemaphore : public Semaphore {
  public:
    explicit BoundedSemaphore(std::size_t initial = 1) : Semaphore(initial, initial) {}
};

}  // namespace haid
