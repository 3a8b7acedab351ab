#include "command/gate.hpp"

#include <cstdio>
#include <string>
#include <utility>

#include "system/descriptor.hpp"
#include "system/resources.hpp"

namespace haid::command {
namespace {

// The fourth field of /proc/loadavg: what runs at this moment / all. The averages before it lag by a minute, in which a
// fast machine would start thousands of jobs.
double running_now() {
    int running = 0;
    if (std::sscanf(system::read_small_file("/proc/loadavg").c_str(), "%*f %*f %*f %d", &running) != 1) return 0;
    return running > 0 ? running - 1 : 0;  // without ourselves
}

}  // namespace

void Gate::look(system::Time now) {
    if (!settings_.active() || now < next_look_) return;
    next_look_ = now + interval;
    open_ = true;
    desperate_ = false;
    if (settings_.most_load && running_now() >= *settings_.most_load) open_ = false;
    if (settings_.least_free_memory) {
        std::uint64_t free = system::available_memory(system::ResourceFacts::of_this_process());
        if (free < *settings_.least_free_memory) open_ = false;
        desperate_ = free < *settings_.least_free_memory / 2;
    }
}

bool Gate::take_desperate() {
    return std::exchange(desperate_, false);
}

}  // namespace haid::command
