// The nodes that Slurm gave, and how an agent is started on each of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nodes/launch_plan.hpp"
#include "nodes/own_job.hpp"
#include "system/resources.hpp"

namespace haid::nodes {

struct Allocation {
    std::vector<std::string> nodes;  // names
    std::vector<int> cpus;           // that were given on each; empty where Slurm does not say
};

// nullopt outside of a job. Where Slurm does not say which nodes the job has (in a container that lets through little
// of the environment, in what is left over of a job) it is this one. Throws std::invalid_argument naming the variable
// of Slurm's that is not understood.
std::optional<Allocation> find_allocation(const system::ResourceFacts& facts);

// It has other nodes than this one: several, or one that is not this host, as in the shell of salloc on a login node.
bool has_other_nodes(const Allocation& allocation, const system::ResourceFacts& facts);

// Of a job that was submitted with --no-kill, Slurm has taken away the nodes that were lost: srun waits for them for
// ever. What `seen` says that the job has now remains, all where it says nothing.
void leave_out_lost_nodes(Allocation& allocation, const OwnJobSeen& seen);

// Why a program that finds itself in an allocation should keep to its node; empty: it stands for all of it.
std::string why_on_one_node(const system::ResourceFacts& facts);

// Why the allocation is less than the job; empty: it is all of it. srun starts steps of several components only as so
// many programs.
std::string components_left_out(const system::ResourceFacts& facts);

// A folder that all nodes see: in the user's home, unless he says otherwise (HAID_RUN_FOLDER). Throws
// std::invalid_argument where there is none.
std::string run_folder();
// Where a file may lie that is there for moments: that folder; unless the user has named it, this one, too, in which
// all nodes are to run. Throws std::invalid_argument where there is none.
std::vector<std::string> run_folders();

// One srun for all nodes, which starts agents in that folder. Throws std::invalid_argument where there is no srun.
LaunchPlan start_with_srun(const Allocation& allocation, const std::string& folder);

}  // namespace haid::nodes
