// Where jobs run: on this machine, or on all nodes of the Slurm job in which the program finds itself.
#pragma once

#include <cstdint>

#include "command/runner.hpp"
#include "options.hpp"

namespace haid::cli {

// What runs the jobs that the line asks for; also sets how many run at a time. Throws UsageError.
command::MakeRunner runner_on(CommandLine& line, const Personality& who);

// The time is up: the Slurm job goes back into the queue, unless not one job has ended this time. Says what became of
// it.
void run_again_later(std::uint64_t done, const Personality& who);

}  // namespace haid::cli
