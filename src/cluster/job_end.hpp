// When Slurm will end the job in which this program runs.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "nodes/own_job.hpp"
#include "system/resources.hpp"

namespace haid::cluster {

struct EndSeen {
    std::optional<std::chrono::system_clock::time_point> at;  // nullopt: there is no limit, or nobody says
    std::string fault;                                        // why nobody says
};

// SLURM_JOB_END_TIME where Slurm sets it (since 23.02), else squeue is asked, once and for 10 s at the most. `seen`:
// what it has said already.
EndSeen end_of_job(const system::ResourceFacts& facts, const std::optional<nodes::OwnJobSeen>& seen = std::nullopt);

}  // namespace haid::cluster
