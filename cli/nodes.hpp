// Where jobs run: on this machine, or on all nodes of the Slurm job in which the program finds itself.
#pragma once

#include "command/runner.hpp"
#include "options.hpp"

namespace haid::cli {

// What runs the jobs that the line asks for; also sets how many run at a time. Throws UsageError.
command::MakeRunner runner_on(CommandLine& line, const Personality& who);

}  // namespace haid::cli
