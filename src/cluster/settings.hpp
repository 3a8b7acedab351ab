// What a run over several nodes is told.
#pragma once

#include <string>

#include "nodes/launch_plan.hpp"

namespace haid::cluster {

struct ClusterSettings {
    nodes::LaunchPlan launch;
    std::string program;      // the agent is this very program, at the same place on every node
    bool until_done = false;  // the job is to go on when its nodes are lost
};

}  // namespace haid::cluster
