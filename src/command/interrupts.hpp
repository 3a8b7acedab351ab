// What a signal to the program asks of a run: SIGINT, SIGTERM, SIGHUP.
#pragma once

#include <optional>

#include "system/event_loop.hpp"

namespace haid::command {

// SIGHUP lets jobs end, however often (a terminal that closes sends it twice: by the kernel and by the shell), SIGTERM
// ends them, as GNU parallel documents it; so does its Ctrl-C. Ours lets them end, and the second one ends them.
class Interrupts {
  public:
    enum class Asks {
        nothing,  // a wrapper passes on the Ctrl-C that the terminal has sent to all of us
        let_end,
        end
    };
    explicit Interrupts(bool as_parallel) : as_parallel_(as_parallel) {}

    Asks take(int signal, system::Time now);

  private:
    bool as_parallel_;
    std::optional<system::Time> first_;  // SIGINT
};

}  // namespace haid::command
