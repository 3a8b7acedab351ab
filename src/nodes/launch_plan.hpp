// How the agents of a run are started: one on each node.
#pragma once

#include <string>
#include <vector>

namespace haid::nodes {

struct LaunchPlan {
    std::vector<std::string> nodes;  // their names, as their agents will say them
    // What starts a command once on each node: put before the agent's own command line.
    std::vector<std::string> launcher;
    std::vector<std::string> environment;
    // That all nodes see: the run's secret lies there until all agents have it, in the first that can be written to.
    std::vector<std::string> run_folders;
};

}  // namespace haid::nodes
