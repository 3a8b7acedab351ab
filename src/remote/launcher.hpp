// The process that starts the hosts of a pool over nodes, one on each: srun. It ends with this process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "process/fork.hpp"

namespace haid::remote {

// Not thread-safe.
class Launcher {
  public:
    // Starts the words as a program, in a process group of its own. Throws SystemError.
    Launcher(const std::vector<std::string>& words, const std::vector<std::string>& environment);
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

}  // namespace haid::remote
