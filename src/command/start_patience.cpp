#include "command/start_patience.hpp"

#include "system/error.hpp"

namespace haid::command {
namespace {

// A machine without a process to spare for this long, while none of our jobs runs, will not have one soon.
constexpr std::chrono::seconds give_up{10};

}  // namespace

void StartPatience::refused(system::Time now, int error, bool others_run) {
    if (others_run) return refused_since_.reset();
    if (!refused_since_) refused_since_ = now;
    if (now - *refused_since_ > give_up) {
        throw system::SystemError(error, "cannot start jobs" + system::process_limit(error));
    }
}

}  // namespace haid::command
