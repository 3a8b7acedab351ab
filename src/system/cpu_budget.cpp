#include "system/cpu_budget.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

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

}  // namespace haid::system
