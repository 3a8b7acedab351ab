// One command line to be run, and how it ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command/arguments.hpp"
#include "process/reaper.hpp"
#include "schedule/ending.hpp"
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

// How a job ended, where and when, as its runner tells it.
struct JobEnd {
    process::Ending ending;
    double start = 0;    // seconds since 1970
    double seconds = 0;  // from there to its end
    std::string host;    // empty: this machine
    // What was not streamed.
    system::Spool output;
    system::Spool error;
    // It was kept where Job::results says: so many bytes of standard output.
    std::optional<std::uint64_t> kept = std::nullopt;
};

// An attempt that has ended.
struct FinishedJob {
    Job job;
    JobEnd end;
    std::uint64_t attempt = 1;
    schedule::Cause cause = schedule::Cause::none;
    std::uint64_t output_bytes = 0;  // of standard output

    // As it is told to those who listen. It refers to this.
    schedule::Ending ending() const;
};

}  // namespace haid::command
