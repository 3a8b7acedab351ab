// Time in which this process could do nothing: it was stopped, Slurm had suspended its job, its machine slept. What was
// due meanwhile may be undone for that reason alone.
#pragma once

#include <chrono>
#include <optional>

namespace haid::process {

// Not thread-safe.
class Standstill {
  public:
    using Clock = std::chrono::steady_clock;
    // Who looks every second is late by this only where it stood still.
    static constexpr std::chrono::seconds longest_between_looks{3};
    // What was due while it stood still gets so long to happen after all.
    static constexpr std::chrono::seconds patience{5};

    explicit Standstill(Clock::time_point now) : looked_(now) {}

    // To be called at least every second: how long it has stood still just now, mostly not at all.
    Clock::duration look(Clock::time_point now) {
        const Clock::duration since = now - looked_;
        looked_ = now;
        if (since <= longest_between_looks) return Clock::duration::zero();
        ended_ = now;
        return since;
    }
    // It stood still, and that is not long ago.
    bool just_ended(Clock::time_point now) const { return ended_ && now - *ended_ < patience; }

  private:
    Clock::time_point looked_;
    std::optional<Clock::time_point> ended_;
};

}  // namespace haid::process
