#include "system/cpu_budget.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace haid::system {
namespace {

// OpenMP, OpenBLAS, MKL, Apple's and R's BLAS, numexpr, Numba, Julia, Rust's rayon, polars.
constexpr const char* thread_variables[] = {
    "OMP_NUM_THREADS",   "OPENBLAS_NUM_THREADS",   "MKL_NUM_THREADS",   "BLIS_NUM_THREADS",  "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "JULIA_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"};

}  // namespace

std::vector<std::string> cpu_budget(int cpus, bool limit_threads) {
    std::vector<std::string> entries = {fmt::format("HAID_CPUS={}", cpus)};
    if (!limit_threads) return entries;
    for (const char* name : thread_variables) {
        if (::getenv(name) == nullptr) entries.push_back(fmt::format("{}={}", name, cpus));
    }
    return entries;
}

void apply_cpu_budget(int cpus) {
    // Both live as long as the process, for the environment points to them: they are never destroyed.
    static std::vector<std::string>* entries;
    static std::vector<char*>* all;
    entries = new std::vector<std::string>(cpu_budget(cpus));
    all = new std::vector<char*>;
    for (std::string& entry : *entries) all->push_back(entry.data());
    auto replaced = [&](std::string_view entry) {
        std::string_view name = entry.substr(0, entry.find('=') + 1);
        return std::any_of(entries->begin(), entries->end(), [&](const auto& own) { return own.starts_with(name); });
    };
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        if (!replaced(*entry)) all->push_back(*entry);
    }
    all->push_back(nullptr);
    environ = all->data();
}

}  // namespace haid::system
