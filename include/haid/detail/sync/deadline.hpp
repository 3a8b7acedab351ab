// Until when to wait, in the form the kernel takes: an absolute time of one of its clocks.
#pragma once

#include <time.h>

#include <chrono>

namespace haid::detail {

// A value. Limits too far away for a timespec (some 100 years) are no limits; those in the past have passed.
class Deadline {
  public:
    static Deadline never() noexcept { return {Kind::never, CLOCK_MONOTONIC, {}}; }
    // Does not wait at all: what is there is taken, or nothing is.
    static Deadline immediate() noexcept { return {Kind::immediate, CLOCK_MONOTONIC, {}}; }

    // Counts from now, on the monotonic clock: setting the time of day does not matter.
    template <class Rep, class Period>
    static Deadline after(std::chrono::duration<Rep, Period> time) {
        using namespace std::chrono;
        const double seconds_left = duration<double>(time).count();
        if (!(seconds_left > 0)) return immediate();
        if (seconds_left > furthest) return never();
        return at(steady_clock::now() + ceil<nanoseconds>(time));
    }
    template <class Duration>
    static Deadline at(std::chrono::time_point<std::chrono::steady_clock, Duration> time) {
        return on(CLOCK_MONOTONIC, time.time_since_epoch());
    }
    // Follows the time of day when somebody sets it.
    template <class Duration>
    static Deadline at(std::chrono::time_point<std::chrono::system_clock, Duration> time) {
        return on(CLOCK_REALTIME, time.time_since_epoch());
    }
    // Another clock is looked at once, now.
    template <class Clock, class Duration>
    static Deadline at(std::chrono::time_point<Clock, Duration> time) {
        return after(time - Clock::now());
    }

    bool is_never() const noexcept { return kind_ == Kind::never; }
    bool is_immediate() const noexcept { return kind_ == Kind::immediate; }
    // CLOCK_MONOTONIC or CLOCK_REALTIME.
    clockid_t clock() const noexcept { return clock_; }
    // Not to be used where is_never().
    const timespec& time() const noexcept { return time_; }

  private:
    enum class Kind { never, immediate, timed };
    static constexpr double furthest = 3e9;  // seconds

    Deadline(Kind kind, clockid_t clock, timespec time) noexcept : kind_(kind), clock_(clock), time_(time) {}

    template <class Rep, class Period>
    static Deadline on(clockid_t clock, std::chrono::duration<Rep, Period> since_epoch) {
        using namespace std::chrono;
        const double count = duration<double>(since_epoch).count();
        if (!(count > 0)) return immediate();
        if (count > 2 * furthest) return never();
        const auto whole = floor<seconds>(since_epoch);
        const auto rest = ceil<nanoseconds>(since_epoch - whole);
        timespec time{};
        time.tv_sec = static_cast<time_t>(whole.count());
        time.tv_nsec = static_cast<long>(rest.count());
        if (time.tv_nsec == 1'000'000'000) time = {time.tv_sec + 1, 0};
        return {Kind::timed, clock, time};
    }

    Kind kind_;
    clockid_t clock_;
    timespec time_;
};

}  // namespace haid::detail
