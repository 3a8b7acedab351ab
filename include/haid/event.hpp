// A flag between processes that others can wait for. A process shares one with the children it forks after making it.
//
// Thread-safe, but for construction and destruction. A process that is killed at any instant leaves the event in order:
// it has set it and woken all that waited, or neither. Waits go on after signals; nothing polls. is_set and wait cost
// one atomic load where it is set; one mapping of a page.
#pragma once

#include <chrono>

#include "haid/detail/sync/deadline.hpp"
#include "haid/detail/sync/shared_memory.hpp"

namespace haid {

class Event {
  public:
    // Not set. Throws std::system_error.
    Event();
    ~Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void set();
    void clear();
    bool is_set() const noexcept;

    // Waits until the event is set. Whoever waits when it is set goes on, even if it is cleared at once.
    void wait() { wait_until_deadline(detail::Deadline::never()); }
    // false: the time has passed and it was not set.
    template <class Rep, class Period>
    bool wait_for(const std::chrono::duration<Rep, Period>& time) {
        return wait_until_deadline(detail::Deadline::after(time));
    }
    template <class Clock, class Duration>
    bool wait_until(const std::chrono::time_point<Clock, Duration>& time) {
        return wait_until_deadline(detail::Deadline::at(time));
    }

  private:
    struct State;

    bool wait_until_deadline(const detail::Deadline& deadline);

    detail::SharedMemory memory_;
    State* state_;
};

}  // namespace haid
