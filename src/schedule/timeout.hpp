// How long a job or task may take.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "schedule/median.hpp"

namespace haid::schedule {

using Duration = std::chrono::steady_clock::duration;
using Time = std::chrono::steady_clock::time_point;

inline double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}
inline Duration from_seconds(double value) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

// "10", "1.5", "1m30s", "2d4h": seconds, or numbers with the units d, h, m, s. Throws std::invalid_argument.
Duration parse_duration(std::string_view text);

struct Timeout {
    std::optional<Duration> fixed;
    std::optional<double> of_median;  // 2.0: twice the median of those that succeeded so far
    bool active() const { return fixed || of_median; }
};

// A duration, or "200%"; "0" and "0%" are no limit, as in timeout(1). Throws std::invalid_argument.
Timeout parse_timeout(std::string_view text);

// What the limit is now. A median of fewer successes than this says too little to end a job by it.
inline constexpr int median_needs = 3;
class TimeoutRule {
  public:
    explicit TimeoutRule(Timeout timeout) : timeout_(timeout) {}
    void succeeded(Duration took);
    std::optional<Duration> limit() const;

  private:
    Timeout timeout_;
    Median median_;
    int successes_ = 0;
};

}  // namespace haid::schedule
