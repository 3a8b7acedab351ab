#include "command/interrupts.hpp"

#include <signal.h>

namespace haid::command {
namespace {

// A second SIGINT that comes sooner is the first one once more.
constexpr std::chrono::milliseconds echo{300};

}  // namespace

Interrupts::Asks Interrupts::take(int signal, system::Time now) {
    if (signal == SIGTERM) return Asks::end;
    if (signal != SIGINT) return Asks::let_end;
    if (first_) return now - *first_ < echo ? Asks::nothing : Asks::end;
    first_ = now;
    return as_parallel_ ? Asks::end : Asks::let_end;
}

}  // namespace haid::command
