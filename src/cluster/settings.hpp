// What a run over several nodes is told.
#pragma once

#include <string>
#include <vector>

namespace haid::cluster {

struct ClusterSettings {
    std::vector<std::string> nodes;  // their names, as their agents will say them
    // What starts a command once on each node: put before the agent's own command line.
    std::vector<std::string> launcher;
    std::vector<std::string> launcher_environment;
    std::string program;      // the agent is this very program, at the same place on every node
    bool until_done = false;  // the job is to go on when its nodes are lost
    std::string run_folder;   // that all nodes see: the run's secret lies there until all agents have it
};

}  // namespace haid::cluster
