// How long a machine that has no process or descriptor left for a job (Runner::Started::later) is asked again.
#pragma once

#include <chrono>
#include <optional>

#include "system/event_loop.hpp"

namespace haid::command {

class StartPatience {
  public:
    static constexpr std::chrono::milliseconds try_again{50};

    void started() { refused_since_.reset(); }
    // `error`: Runner::refusal(). Throws SystemError where that goes on while nothing of ours runs that could give
    // something back.
    void refused(system::Time now, int error, bool others_run);

  private:
    std::optional<system::Time> refused_since_;
};

}  // namespace haid::command
