// What the program says with its exit status: the rule in one place.
#pragma once

#include <cstdint>
#include <optional>

#include "schedule/schedule.hpp"

namespace haid::command {

// 0: all succeeded; 1 to 100: so many jobs failed; 101: more; 255: a fault; with a halt, as GNU parallel's --halt says;
// 128 + n where signal n kept jobs from being run, 124 (as timeout(1) says it) where the time did. What comes first in
// this list of calls wins over what comes later.
class ExitStatus {
  public:
    ExitStatus(const schedule::Halt& halt, bool as_parallel) : halt_(halt), as_parallel_(as_parallel) {}

    // Something other than a job went wrong.
    void fault(int status) { fault_ = status; }
    bool has_fault() const { return fault_.has_value(); }
    // This one made the halt's condition true. To be told at once, with what had ended by then: it listens to no
    // endings, for these wait for their output.
    void halted_by(const schedule::Ending& ending, const schedule::Tally& tally, std::optional<std::uint64_t> total);
    void interrupted(int signal) { signal_ = signal; }
    void out_of_time() { out_of_time_ = true; }
    // Some jobs were not run, or not to their end.
    void left_jobs() { left_jobs_ = true; }

    int value(const schedule::Tally& tally) const;

  private:
    schedule::Halt halt_;
    bool as_parallel_;
    std::optional<int> fault_;
    std::optional<int> halted_;
    int signal_ = 0;
    bool left_jobs_ = false;
    bool out_of_time_ = false;
};

}  // namespace haid::command
