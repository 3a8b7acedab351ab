// The environment of jobs on a node of an allocation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace haid::nodes {

// Whether an entry of the environment is left to srun: not one that would make it start something else than one agent
// on each node, all of its CPUs free for it, print more than faults, or refuse. An inherited SLURM_NTASKS alone starts
// another number of tasks.
bool is_for_srun(std::string_view entry);

// This process's environment becomes that of the coordinator, but for what is about this node: so jobs get what a
// command of the batch script would get if the script ran here. To be called once, before threads start.
void use_environment(std::vector<std::string> coordinators, const std::string& node);

}  // namespace haid::nodes
