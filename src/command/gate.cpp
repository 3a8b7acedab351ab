#include "command/gate.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

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
    open_ = true;
    desperate_ = false;
    if (most_load_) {
        running_ = running_now();
        open_ = running_ < *most_load_;
    }
    if (!least_free_memory_) return;
    free_memory_ = system::available_memory(system::ResourceFacts::of_this_process());
    if (free_memory_ < *least_free_memory_) open_ = false;
    desperate_ = free_memory_ < *least_free_memory_ / 2;
}

std::string Gate::why() const {
    std::vector<std::string> reasons;
    if (most_load_ && running_ >= *most_load_) {
        reasons.push_back(fmt::format("{:g} process(es) run, and --load is {:g}", running_, *most_load_));
    }
    if (least_free_memory_ && free_memory_ < *least_free_memory_) {
        reasons.push_back(fmt::format("{} of memory are free, and --memfree is {}",
                                      system::show_bytes(static_cast<double>(free_memory_)),
                                      system::show_bytes(static_cast<double>(*least_free_memory_))));
    }
    return fmt::format("{}", fmt::join(reasons, "; "));
}

}  // namespace haid::command
