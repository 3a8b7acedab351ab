// What a coordinator and its agents say to each other about jobs, besides what all agents say (nodes/messages.hpp).
#pragma once

#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nodes/messages.hpp"

namespace haid::cluster {

// Raised with every change of what follows.
inline constexpr std::uint32_t protocol_version = 5;

// Bytes of output that an agent may send before it gets more credit.
inline constexpr std::uint64_t output_window = 4 * 1024 * 1024;

// -- of an agent

// It has become what Welcome asked for, and runs so many jobs at a time. Again where that has changed; 0: nothing is to
// be started there for the moment.
struct Ready {
    std::uint64_t slots;
    int cpus;
};

// What a job wrote, in order for each stream. Costs credit.
struct Output {
    std::uint64_t slot;
    std::uint8_t stream;
    std::string data;
};

// The job has ended, and all that it wrote has been sent before.
struct Ended {
    std::uint64_t slot;
    int exit_status;
    int signal;
    double start;
    double seconds;
    std::optional<std::uint64_t> kept;            // bytes of standard output that are in its file already
    std::array<std::byte, sizeof(rusage)> usage;  // it has unions, whose members nobody can see
};

struct StoppedByTerminal {
    std::uint64_t slot;
};

// Memory is short there, and this is the youngest of its jobs.
struct ShortMemory {
    std::uint64_t slot;
};

// Something that the user should know.
struct News {
    std::string text;
};

// The agent cannot go on. Nothing that it was given runs any more.
struct Leaving {
    std::string reason;
    bool told_to_end;  // as Slurm tells all processes of a job that it ends
};

using OfAgent = nodes::OfAgent<Ready, Output, Ended, StoppedByTerminal, ShortMemory, News, Leaving>;

// -- of the coordinator

// What a job of the coordinator's own node would get from it.
struct Welcome {
    std::string directory;
    std::vector<std::string> environment;
    std::string jobs;                                // -j, as it was given
    int cpus_per_job;                                // 0: what there is, divided among the jobs
    std::string most_load;                           // --load, as it was given; empty: any
    std::optional<std::uint64_t> least_free_memory;  // --memfree, bytes
    bool limit_threads;
    std::string slot_variable;
    std::optional<std::uint64_t> seed;
    int nice;
    bool nice_given;
    std::uint8_t grouping;
    std::string temporary_folder;
    std::string shell;
    std::uint8_t shell_style;
    bool shell_may_be_left_out;
    std::string shell_prologue;
    bool until_done;
};

// -j has another value.
struct Jobs {
    std::string jobs;
};

struct Start {
    std::uint64_t sequence;
    std::uint64_t slot;
    std::string line;
    std::string directory;
    std::vector<std::string> results;  // its files for standard output, standard error and its number; or none
};

struct Signal {
    std::vector<std::uint64_t> slots;
    int number;
};

// As the terminal would: SIGTSTP, SIGCONT. Between the two the agent's lease does not end.
struct SignalGroups {
    int number;
};

// So many more bytes of output may be sent.
struct Credit {
    std::uint64_t bytes;
};

// What jobs write is of no use any more.
struct Discard {};

// All is done.
struct Goodbye {};

using OfCoordinator = nodes::OfCoordinator<Welcome, Jobs, Start, Signal, SignalGroups, Credit, Discard, Goodbye>;

}  // namespace haid::cluster
