// Waiting, under a lock between processes, for something that another process brings about. A process shares one with
// the children it forks after making it.
//
//     std::unique_lock guard(lock);
//     condition.wait(guard, [&] { return items[0] > 0; });
//
// As std::condition_variable_any, with a Lock or an RLock; an RLock that is held several times is let go entirely while
// waiting, and held as often afterwards. Change what others wait for under the lock, then notify. Wake-ups without
// reason occur: look again, or wait with a predicate.
//
// Every wait may throw OwnerDied when it locks again, and then `guard` does not hold the lock (but an RLock is held as
// often as by others before). A process that dies while it waits leaves the condition in order. What cannot be made
// good: a notify_one that reaches a process which dies before it acts on it is lost, and so is the notification of a
// process that dies between its change and its notify. Where processes may be killed, use notify_all, and notify again
// after OwnerDied.
//
// Thread-safe, but for construction and destruction. Waits go on after signals; nothing polls. A notification that
// nobody waits for is one atomic load; one mapping of a page.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "haid/detail/sync/deadline.hpp"
#include "haid/detail/sync/shared_memory.hpp"
#include "haid/lock.hpp"

namespace haid {

class Condition {
  public:
    // Throws std::system_error.
    Condition();
    ~Condition();
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;

    // Wakes one, or all, of those that wait now.
    void notify_one();
    void notify_all();

    // Throws std::system_error (EPERM) where `guard` does not hold its lock. So do all others.
    void wait(std::unique_lock<Lock>& guard) { wait_until_deadline(guard, detail::Deadline::never()); }
    void wait(std::unique_lock<RLock>& guard) { wait_until_deadline(guard, detail::Deadline::never()); }
    template <class Mutex, class Predicate>
    void wait(std::unique_lock<Mutex>& guard, Predicate predicate) {
        while (!predicate()) wait(guard);
    }

    template <class Mutex, class Rep, class Period>
    std::cv_status wait_for(std::unique_lock<Mutex>& guard, const std::chrono::duration<Rep, Period>& time) {
        return wait_until_deadline(guard, detail::Deadline::after(time));
    }
    // What the predicate says in the end. So below.
    template <class Mutex, class Rep, class Period, class Predicate>
    bool wait_for(std::unique_lock<Mutex>& guard, const std::chrono::duration<Rep, Period>& time, Predicate predicate) {
        return wait_until_deadline(guard, detail::Deadline::after(time), predicate);
    }
    template <class Mutex, class Clock, class Duration>
    std::cv_status wait_until(std::unique_lock<Mutex>& guard, const std::chrono::time_point<Clock, Duration>& time) {
        return wait_until_deadline(guard, detail::Deadline::at(time));
    }
    template <class Mutex, class Clock, class Duration, class Predicate>
    bool wait_until(std::unique_lock<Mutex>& guard, const std::chrono::time_point<Clock, Duration>& time,
                    Predicate predicate) {
        return wait_until_deadline(guard, detail::Deadline::at(time), predicate);
    }

  private:
    struct State;

    std::cv_status wait_until_deadline(std::unique_lock<Lock>& guard, const detail::Deadline& deadline);
    std::cv_status wait_until_deadline(std::unique_lock<RLock>& guard, const detail::Deadline& deadline);
    template <class Mutex, class Predicate>
    bool wait_until_deadline(std::unique_lock<Mutex>& guard, const detail::Deadline& deadline, Predicate& predicate) {
        while (!predicate()) {
            if (wait_until_deadline(guard, deadline) == std::cv_status::timeout) return predicate();
        }
        return true;
    }

    std::cv_status sleep(std::uint32_t seen, const detail::Deadline& deadline);
    void notify(int count);

    detail::SharedMemory memory_;
    State* state_;
};

}  // namespace haid
