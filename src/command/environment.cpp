#include "command/environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "command/job_seed.hpp"
#include "system/cpu_budget.hpp"

namespace haid::command {

Environment::Environment(const EnvironmentSettings& settings) : settings_(settings), own_(entries_of({})) {
    own_.push_back(fmt::format("PARALLEL_PID={}", ::getpid()));
    for (std::string& entry : system::cpu_budget(settings_.cpus_per_job, settings_.limit_threads)) {
        own_.push_back(std::move(entry));
    }
    auto replaced = [&](std::string_view entry) {
        std::string_view name = entry.substr(0, entry.find('=') + 1);
        return std::any_of(own_.begin(), own_.end(), [&](const std::string& own) { return own.starts_with(name); });
    };
    entries_.resize(own_.size());
    for (char** entry = environ; *entry != nullptr; ++entry) {
        // It may be large, and has been read: see Shell::prologue.
        if (std::string_view(*entry).starts_with("PARALLEL_ENV=")) continue;
        if (!replaced(*entry)) entries_.push_back(*entry);
    }
    entries_.push_back(nullptr);
    for (std::size_t i = 0; i < own_.size(); ++i) entries_[i] = own_[i].c_str();
}

std::vector<std::string> Environment::entries_of(const Job& job) const {
    std::vector<std::string> entries = {
        fmt::format("PARALLEL_SEQ={}", job.sequence), fmt::format("PARALLEL_JOBSLOT={}", job.slot),
        fmt::format("HAID_NODE_SLOT={}", job.node_slot != 0 ? job.node_slot : job.slot)};
    if (settings_.seed) entries.push_back(fmt::format("HAID_SEED={}", job_seed(*settings_.seed, job.sequence)));
    if (!settings_.slot_variable.empty())
        entries.push_back(fmt::format("{}={}", settings_.slot_variable, job.slot - 1));
    return entries;
}

const char* const* Environment::of_job(const Job& job) {
    std::size_t i = 0;
    for (std::string& entry : entries_of(job)) {
        own_[i] = std::move(entry);
        entries_[i] = own_[i].c_str();
        ++i;
    }
    return entries_.data();
}

}  // namespace haid::command
