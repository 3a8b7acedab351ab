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
    own_ = {"PARALLEL_SEQ=", "PARALLEL_JOBSLOT="};
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
        if (!replaced(*entry)) entries_.push_back(*entry);
    }
    entries_.push_back(nullptr);
    for (std::size_t i = 0; i < own_.size(); ++i) entries_[i] = own_[i].c_str();
}

const char* const* Environment::of_job(std::uint64_t sequence, std::uint64_t slot) {
    own_[0] = fmt::format("PARALLEL_SEQ={}", sequence);
    own_[1] = fmt::format("PARALLEL_JOBSLOT={}", slot);
    if (!settings_.slot_variable.empty()) own_[2] = fmt::format("{}={}", settings_.slot_variable, slot - 1);
    for (std::size_t i = 0; i < 3; ++i) entries_[i] = own_[i].c_str();
    return entries_.data();
}

}  // namespace haid::command
