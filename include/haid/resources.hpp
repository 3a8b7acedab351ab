// How many CPUs and how much memory this program may use: not what the machine has, but what is left of it after the
// affinity mask, the quotas of cgroups (containers), Slurm, and the budget that another haid handed down (HAID_CPUS).
//
//     std::cout << haid::cpu_count() << '\n';
//     std::cout << haid::resources();           // what every source says, and which one decided
//
// Read afresh at each call, for quotas and masks change while a program runs. Nothing here throws for what it finds;
// thread-safe unless another thread changes the environment (setenv).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace haid {

// At least 1. A quota of 1.5 CPUs counts as 2. Some 0.1 ms.
int cpu_count();

// Bytes; UINT64_MAX where nothing is known.
std::uint64_t memory();

struct ResourceSource {
    std::string name;             // "cgroup v2 quota"
    std::optional<double> value;  // CPUs, or bytes; none: no limit, or ignored (`detail` says which)
    std::string detail;           // "/sys/fs/cgroup/user.slice/cpu.max: 150000 100000"
    bool limits = true;           // false: for information only
    bool decided = false;         // the first of those with the smallest value
};

struct Resources {
    int cpus = 1;
    std::vector<ResourceSource> cpu_sources;
    // What the machine has online, whoever may use it.
    int sockets = 1, cores = 1, threads = 1;

    std::uint64_t memory = UINT64_MAX;
    std::vector<ResourceSource> memory_sources;
    // What could be taken right now; UINT64_MAX where nothing is known.
    std::uint64_t free_memory = UINT64_MAX;
};

// Reads a few files for each CPU of the machine, some 10 ms on a node of 256.
Resources resources();

// The text of `haid resources`, several lines.
std::ostream& operator<<(std::ostream& out, const Resources& resources);

}  // namespace haid
