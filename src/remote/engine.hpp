// A pool's engine whose workers are on the nodes of a Slurm job.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "haid/detail/pool/call.hpp"
#include "nodes/launch_plan.hpp"

namespace haid::remote {

struct EngineSettings {
    nodes::LaunchPlan plan;
    std::vector<std::string> command;    // what becomes a host: see host.hpp
    std::string build;                   // that hosts have to have
    std::vector<std::byte> description;  // for the host's MakeEngine
};

// Waits until the hosts are there, or no more come; calls `meanwhile` ten times a second, and gives up where that
// throws. Throws SystemError, std::invalid_argument; Error where none comes.
std::unique_ptr<detail::Engine> make_engine(
    const EngineSettings& settings, const std::function<void()>& meanwhile = [] {});

// Whether the pool needs others than this node: not where the Slurm job has no more than that. Throws
// std::invalid_argument outside of a Slurm job.
bool spans_nodes(const std::string& nodes);
// The plan for all nodes that this Slurm job has now; asks Slurm which these are. Throws std::invalid_argument.
nodes::LaunchPlan plan_for(const std::string& nodes);

}  // namespace haid::remote
