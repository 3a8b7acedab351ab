// What Slurm's variables say about this process and this node. The rules are in system/resources.
#pragma once

#include <optional>
#include <vector>

#include "system/resources.hpp"

namespace haid::system {

bool in_slurm_job(const ResourceFacts& facts);
// In a task of a step, not in a batch script nor in an interactive shell. See system/resources.
bool in_task_of_slurm_step(const ResourceFacts& facts);

// Empty outside a job.
std::vector<ResourceSource> slurm_cpu_sources(const ResourceFacts& facts);
std::vector<ResourceSource> slurm_memory_sources(const ResourceFacts& facts);

// A variable that must hold a whole number from 1 to INT_MAX. Unset: none. Else a source, without a value where
// the text is not such a number.
std::optional<ResourceSource> count_variable(const ResourceFacts& facts, const char* name);

}  // namespace haid::system
