// The control groups that this process is in, and their limits: internal to system/resources.
//
// A limit holds for a cgroup and all below it, so each hierarchy is read from the process's own cgroup up to
// the mount point. What lies above the mount point (a container sees only its own part of the tree) cannot be
// read. Where the cgroup is not visible below the mount point (a container with the host's /proc/self/cgroup, a
// cgroup namespace), the nearest folder above it that exists stands for it, at last the mount point.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "system/resources.hpp"

namespace haid::system {

struct CgroupMemoryLimit {
    ResourceSource source;    // value: the limit in bytes
    std::uint64_t limit = 0;  // the same, exactly; meaningful only where the source has a value
    std::uint64_t headroom = 0;
};

// One source for each quota, innermost first; where there are files but no quota, one source without a value.
std::vector<ResourceSource> cgroup_cpu_sources(const std::string& root);

// Likewise for memory.
std::vector<CgroupMemoryLimit> cgroup_memory_limits(const std::string& root);

}  // namespace haid::system
