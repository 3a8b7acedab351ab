// The end of the Slurm job in which this program runs, and another go after it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "system/resources.hpp"

namespace haid::cluster {

// SLURM_JOB_END_TIME where Slurm sets it (since 23.02), else squeue is asked, once and for 10 s at the most. nullopt:
// there is no limit, or nobody says.
std::optional<std::chrono::system_clock::time_point> end_of_job(const system::ResourceFacts& facts);

// Puts the batch job back into Slurm's queue: it ends now, and its script runs again later. Empty where Slurm has
// agreed, else its own words.
std::string requeue(const system::ResourceFacts& facts);

}  // namespace haid::cluster
