// What Slurm's variables say about this node: internal to system/resources, whose header has the rules.
#pragma once

#include <optional>
#include <vector>

#include "system/resources.hpp"

namespace haid::system {

// Empty outside a job.
std::vector<ResourceSource> slurm_cpu_sources(const ResourceFacts& facts);
std::vector<ResourceSource> slurm_memory_sources(const ResourceFacts& facts);

// A variable that must hold a whole number from 1 to INT_MAX. Unset: none. Else a source, without a value where
// the text is not such a number.
std::optional<ResourceSource> count_variable(const ResourceFacts& facts, const char* name);

}  // namespace haid::system
