// The processes of the machine as /proc shows them. One look costs some 10 µs a process: for rare events only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace haid::system {

struct ProcessEntry {
    pid_t pid;
    pid_t parent;
    pid_t group;
    char state;           // as in /proc/PID/stat: R, S, D, T, Z …
    std::uint64_t start;  // when it was started, in clock ticks since the machine was: pids are used again
};

// nullopt: there is none.
std::optional<ProcessEntry> process_entry(pid_t pid);

// Processes that end during the look may or may not be in it.
std::vector<ProcessEntry> process_table();

// The leaders, their process groups, and whatever descends from the leaders or from members of those groups, in any
// group or session: a job that ran `timeout` or `setsid` has processes outside of its own group. Zombies are left out.
std::vector<ProcessEntry> families(std::span<const pid_t> leaders);

}  // namespace haid::system
