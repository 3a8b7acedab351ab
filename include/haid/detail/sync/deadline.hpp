// Until when to wait: the one way from what the user says to what the kernel and the engines take.
#pragma once

#include <time.h>

#include <chrono>
#include <cmath>
#include <optional>

namespace haid::detail {

// In whole nanoseconds, rounded up. What they cannot hold (more than some 292 years) is the most, or the least, that
// they can; a NaN is 0.
template <class Rep, class Period>
constexpr std::chrono::nanoseconds nanoseconds_in(std::chrono::duration<Rep, Period> time) {
    using namespace std::chrono;
    constexpr double most = 9.2e9;
    const double in_seconds = duration<double>(time).count();
    if (in_seconds >= most) return nanoseconds::max();
    if (in_seconds > -most) return ceil<nanoseconds>(time);
    return in_seconds <= -most ? nanoseconds::min() : nanoseconds(0);
}

// A value. Limits too far away for a timespec (some 100 years) are no limits; those in the past have passed, and so
// has a NaN.
class Deadline {
  public:
    // A time of this length is as good as none.
    static constexpr std::chrono::nanoseconds furthest = std::chrono::seconds(3'000'000'000);

    static Deadline never() noexcept { return {Kind::never, CLOCK_MONOTONIC, {}}; }
    // Does not wait at all: what is there is taken, or nothing is.
    static Deadline immediate() noexcept { return {Kind::immediate, CLOCK_MONOTONIC, {}}; }

    // Counts from now, on the monotonic clock: setting the time of day does not matter.
    template <class Rep, class Period>
    static Deadline after(std::chrono::duration<Rep, Period> time) {
        const std::chrono::nanoseconds left = nanoseconds_in(time);
        if (left.count() <= 0) return immediate();
        if (left > furthest) return never();
        return at(std::chrono::steady_clock::now() + left);
    }
    template <class Duration>
    static Deadline at(std::chrono::time_point<std::chrono::steady_clock, Duration> time) {
        return on(CLOCK_MONOTONIC, nanoseconds_in(time.time_since_epoch()));
    }
    // Follows the time of day when somebody sets it, but for on_steady_clock().
    template <class Duration>
    static Deadline at(std::chrono::time_point<std::chrono::system_clock, Duration> time) {
        return on(CLOCK_REALTIME, nanoseconds_in(time.time_since_epoch()));
    }
    // Another clock is looked at once, now.
    template <class Clock, class Duration>
    static Deadline at(std::chrono::time_point<Clock, Duration> time) {
        using std::chrono::nanoseconds;
        if (std::isnan(std::chrono::duration<double>(time.time_since_epoch()).count())) return immediate();
        const nanoseconds now = nanoseconds_in(Clock::now().time_since_epoch());
        const nanoseconds then = nanoseconds_in(time.time_since_epoch());
        // Their difference may be more than either can hold.
        if (now.count() < 0 && then > nanoseconds::max() + now) return never();
        if (now.count() > 0 && then < nanoseconds::min() + now) return immediate();
        return after(then - now);
    }

    bool is_never() const noexcept { return kind_ == Kind::never; }
    bool is_immediate() const noexcept { return kind_ == Kind::immediate; }
    // CLOCK_MONOTONIC or CLOCK_REALTIME.
    clockid_t clock() const noexcept { return clock_; }
    // Not to be used where is_never().
    const timespec& time() const noexcept { return time_; }

    // nullopt: never. What is immediate has passed. The time of day is looked at once, now.
    std::optional<std::chrono::steady_clock::time_point> on_steady_clock() const {
        using namespace std::chrono;
        if (is_never()) return std::nullopt;
        const nanoseconds time = seconds(time_.tv_sec) + nanoseconds(time_.tv_nsec);
        if (clock_ == CLOCK_MONOTONIC) return steady_clock::time_point(time);
        return steady_clock::now() + (time - system_clock::now().time_since_epoch());
    }

  private:
    enum class Kind { never, immediate, timed };

    Deadline(Kind kind, clockid_t clock, timespec time) noexcept : kind_(kind), clock_(clock), time_(time) {}

    static Deadline on(clockid_t clock, std::chrono::nanoseconds since_epoch) {
        using namespace std::chrono;
        if (since_epoch.count() <= 0) return immediate();
        if (since_epoch > 2 * furthest) return never();
        const auto whole = floor<seconds>(since_epoch);
        timespec time{};
        time.tv_sec = static_cast<time_t>(whole.count());
        time.tv_nsec = static_cast<long>((since_epoch - whole).count());
        return {Kind::timed, clock, time};
    }

    Kind kind_;
    clockid_t clock_;
    timespec time_;
};

}  // namespace haid::detail
