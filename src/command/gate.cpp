#include "command/gate.hpp"

#include <cstdio>
#include <string>

#include "command/jobs_number.hpp"
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

Gate::Gate(const GateSettings& settings, int cpus) : least_free_memory_(settings.least_free_memory) {
    if (auto load = parse_jobs(settings.most_load, cpus)) most_load_ = static_cast<double>(*load);
    look();
}

void Gate::look() {
    open_ = !most_load_ || running_now() < *most_load_;
    desperate_ = false;
    if (!least_free_memory_) return;
    const std::uint64_t free = system::available_memory(system::ResourceFacts::of_this_process());
    if (free < *least_free_memory_) open_ = false;
    desperate_ = free < *least_free_memory_ / 2;
}

}  // namespace haid::command
