// Endings that may be none of the job's own doing.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "command/job.hpp"
#include "system/event_loop.hpp"

namespace haid::command {

// Jobs that died of SIGTERM, and nobody here has sent it. Slurm ends a job by a SIGTERM to each of its processes, one
// after the other, on all nodes: one that dies of it some moments before we are told has not failed.
class DoubtfulEndings {
  public:
    struct One {
        system::Time until;
        std::uint64_t slot;
        JobEnd end;
    };
    static bool is_doubtful(const JobEnd& end);

    void add(std::uint64_t slot, JobEnd end, system::Time now);
    std::optional<system::Time> next() const;
    // The next one that counts by then as any other.
    std::optional<One> take(system::Time now);

  private:
    std::deque<One> waiting_;
};

}  // namespace haid::command
