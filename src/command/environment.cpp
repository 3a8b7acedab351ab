#include "command/environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace haid::command {
namespace {

// What numerical libraries take as their number of threads: OpenMP, OpenBLAS, MKL, Apple's and R's BLAS, numexpr,
// Numba, Julia, Rust's rayon, polars.
constexpr const char* thread_variables[] = {
    "OMP_NUM_THREADS",   "OPENBLAS_NUM_THREADS",   "MKL_NUM_THREADS",   "BLIS_NUM_THREADS",  "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "JULIA_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"};

bool is_set(const char* name) {
    return ::getenv(name) != nullptr;
}

}  // namespace

Environment::Environment(const EnvironmentSettings& settings) : settings_(settings) {
    own_ = {"PARALLEL_SEQ=", "PARALLEL_JOBSLOT="};
    if (!settings_.slot_variable.empty()) own_.push_back(settings_.slot_variable + "=");
    own_.push_back(fmt::format("PARALLEL_PID={}", ::getpid()));
    own_.push_back(fmt::format("HAID_CPUS={}", settings_.cpus_per_job));
    if (settings_.limit_threads) {
        for (const char* name : thread_variables) {
            if (!is_set(name)) own_.push_back(fmt::format("{}={}", name, settings_.cpus_per_job));
        }
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
