#include "command/exit_status.hpp"

#include <signal.h>

#include <algorithm>
#include <cmath>

namespace haid::command {
namespace {

int percent(std::uint64_t part, std::uint64_t whole) {
    return static_cast<int>(std::ceil(static_cast<double>(part) / static_cast<double>(whole) * 100));
}

int count(std::uint64_t failed) {
    return static_cast<int>(std::min<std::uint64_t>(failed, 101));
}

}  // namespace

void ExitStatus::halted_by(const schedule::Ending& ending, const schedule::Tally& tally,
                           std::optional<std::uint64_t> total) {
    if (halted_) return;
    if (halt_.on == schedule::Halt::On::success) {
        halted_ = 0;
    } else if (halt_.percent) {
        halted_ = percent(tally.failed, std::max<std::uint64_t>(total.value_or(tally.started), 1));
    } else if (halt_.count == 1) {
        halted_ = ending.cause == schedule::Cause::timeout ? 255 : ending.shell_status();
    } else {
        halted_ = count(tally.failed);
    }
}

int ExitStatus::value(const schedule::Tally& tally) const {
    if (fault_) return *fault_;
    if (halted_) return *halted_;
    if (signal_ != 0 && left_jobs_) {
        if (!as_parallel_) return 128 + signal_;
        if (signal_ != SIGHUP) return 255;
    }
    if (out_of_time_ && left_jobs_) return 124;
    if (halt_.active() && halt_.percent) return percent(tally.failed, std::max<std::uint64_t>(tally.started, 1));
    return count(tally.failed);
}

}  // namespace haid::command
