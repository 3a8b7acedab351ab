// The environment of jobs on a node of an allocation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace haid::nodes {

// Variables that would make srun start something else than one agent on each node, all of its CPUs free for it.
// Found with five shapes of jobs on Slurm 22.05: an inherited SLURM_NTASKS alone starts another number of tasks.
const std::vector<std::string_view>& not_for_srun();

// This process's environment becomes that of the coordinator, but for what is about this node: so jobs get what a
// command of the batch script would get if the script ran here. To be called once, before threads start.
void use_environment(std::vector<std::string> coordinators, const std::string& node);

}  // namespace haid::nodes
