// The process that starts the agents, one on each node: srun. It is told to end when this process ends.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "nodes/launch_plan.hpp"
#include "process/fork.hpp"

namespace haid::nodes {

// Not thread-safe.
class Launcher {
  public:
    // Starts the plan's launcher with the command as a program, in a process group of its own. The environment is the
    // plan's and what is added to it. Throws SystemError.
    Launcher(const LaunchPlan& plan, const std::vector<std::string>& command,
             const std::vector<std::string>& added_environment);
    // Ends it, and waits for that.
    ~Launcher();
    Launcher(const Launcher&) = delete;
    Launcher& operator=(const Launcher&) = delete;

    // Becomes readable when it has ended.
    int sentinel() const { return child_.sentinel.get(); }
    // Looks.
    bool ended();
    // "srun ended with exit status 1".
    std::string how_it_ended() const;
    void signal(int number);

  private:
    std::string name_;
    process::Forked child_;
    bool ended_ = false;
    std::string how_;
};

}  // namespace haid::nodes
