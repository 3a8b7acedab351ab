// One command line to be run, and what became of it.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command/arguments.hpp"
#include "schedule/schedule.hpp"
#include "system/spool.hpp"

namespace haid::command {

// The files in which a job's output is kept.
struct ResultPaths {
    std::string output, error, sequence;
};

struct Job {
    std::uint64_t sequence = 0;   // {#}, from 1
    std::uint64_t slot = 0;       // {%}, from 1; known when it starts
    std::uint64_t node_slot = 0;  // among the jobs of its own node, from 1; 0: `slot` is that
    std::string line;             // the command line
    Arguments arguments;
    std::string directory;                  // where it runs; empty: where the program runs
    std::optional<std::uint64_t> attempts;  // where it has a limit of its own; 0: none
    // Its own files; a runner on other nodes keeps there what the job writes, and passes on the rest.
    std::optional<ResultPaths> results;
    bool from_log = false;               // its own values are not known: the command stands for them
    std::vector<std::string> failed_on;  // the hosts of attempts before
};

// How a job ended. The last attempt counts.
struct Outcome {
    int exit_status = 0;  // -1: ended by a time limit, as GNU parallel logs it
    int signal = 0;
    double start = 0;  // seconds since 1970
    double seconds = 0;
    std::string host = ":";  // where it ran; ":" is this machine, as GNU parallel logs it
    rusage usage{};
    std::uint64_t output_bytes = 0;  // of standard output

    bool succeeded() const { return exit_status == 0 && signal == 0; }
    // As a shell would show it: 128 + signal.
    int shell_status() const { return signal != 0 ? 128 + signal : exit_status; }
};

struct FinishedJob {
    Job job;
    Outcome outcome;
    system::Spool output;
    system::Spool error;
    bool kept = false;      // what it wrote is in its files already
    bool by_itself = true;  // it ended, and was not ended
};

}  // namespace haid::command
