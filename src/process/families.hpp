// Signals for whole families of processes: the leaders, their process groups, and all that descends from them.
#pragma once

#include <sys/types.h>

#include <vector>

#include "process/ladder.hpp"
#include "system/process_table.hpp"

namespace haid::process {

// Sends a signal to every member of the leaders' families; returns whom it found. Before a signal that may end them
// the members are stopped, and afterwards those continue that ran: otherwise one that leaves its group while its
// parent dies (`timeout`, `setsid`) would be missed by this signal and out of reach of the next.
std::vector<system::ProcessEntry> signal_families(const std::vector<pid_t>& leaders, int signal);

// Stops the leaders' families, `spared` apart, and tells who ran before: they are to be continued.
std::vector<pid_t> hold_families(const std::vector<pid_t>& leaders, pid_t spared);

// Adds to `known` who belongs to somebody in it: a process that lost its parent to an earlier signal no longer descends
// from a leader, and is found by this.
void remember(std::vector<pid_t>& known, const std::vector<system::ProcessEntry>& members);

// Whether anybody whom we may signal is left of those who are known and of what descends from them, all of whom are
// remembered.
bool any_left(std::vector<pid_t>& known);

// Walks down the ladder until no process of the leaders' families is left; waits for as long as the kernel takes.
void end_families(const std::vector<pid_t>& leaders, const Ladder& ladder);

}  // namespace haid::process
