// How Slurm's commands are called, by programs and by libraries: with a time limit, and without a signal of this
// process's being touched. Every call is work for the one controller that all users share.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace haid::nodes {

// Where a command of Slurm's lies. Throws std::invalid_argument where it is not in PATH.
std::string path_of_slurms(const std::string& command);

// A program that was run to its end, and what it said.
struct Said {
    int exit_status = 0;  // 128 and the signal that ended it
    std::string out;
    std::string err;
    bool in_time = true;  // false: it was ended after the limit
};

// Runs the words. The first is found in PATH, or std::invalid_argument says that it is missing. Its end is this
// program's end, too. `input`: a file for its standard input, empty: nothing. Throws SystemError.
Said run_and_listen(const std::vector<std::string>& words, std::chrono::seconds limit, const std::string& input = "");

// squeue, sinfo, scontrol or scancel: what the environment says about their formats, filters and clusters
// (SQUEUE_STATES, SLURM_TIME_FORMAT, SCANCEL_INTERACTIVE) is meant for people, and is not seen by them.
Said ask_slurm(const std::vector<std::string>& words, std::chrono::seconds limit);

}  // namespace haid::nodes
