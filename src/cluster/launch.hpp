// The process that starts the agents, one on each node: srun.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "process/guard.hpp"

namespace haid::cluster {

class Launch {
  public:
    // Starts the words as a program. The guard ends it with this program. Throws SystemError naming it.
    Launch(const std::vector<std::string>& words, const std::vector<std::string>& environment, sigset_t signal_mask);
    ~Launch();
    Launch(const Launch&) = delete;
    Launch& operator=(const Launch&) = delete;

    // Takes what has become of children; to be called after SIGCHLD.
    void reap();
    bool ended() const { return ended_; }
    // "ended with exit status 1".
    std::string how_it_ended() const;
    void signal(int number);

  private:
    process::Guard guard_;
    std::size_t entry_;
    std::string name_;
    pid_t pid_ = -1;
    bool ended_ = false;
    int exit_status_ = 0;
    int signal_ = 0;
};

}  // namespace haid::cluster
