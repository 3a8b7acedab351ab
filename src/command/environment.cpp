#include "command/environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "system/cpu_budget.hpp"

namespace haid::command {

Environment::Environment(const EnvironmentSettings& settings) : settings_(settings) {
    own_ = {"PARALLEL_SEQ=", "PARALLEL_JOBSLOT=", "HAID_NODE_SLOT="};
    if (!settings_.slot_variable.empty()) own_.push_back(settings_.slot_variable + "=");
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

const char* const* Environment::of_job(const Job& job) {
    own_[0] = fmt::format("PARALLEL_SEQ={}", job.sequence);
    own_[1] = fmt::format("PARALLEL_JOBSLOT={}", job.slot);
    own_[2] = fmt::format("HAID_NODE_SLOT={}", job.node_slot != 0 ? job.node_slot : job.slot);
    if (!settings_.slot_variable.empty()) own_[3] = fmt::format("{}={}", settings_.slot_variable, job.slot - 1);
    for (std::size_t i = 0; i < 4; ++i) entries_[i] = own_[i].c_str();
    return entries_.data();
}

}  // namespace haid::command
