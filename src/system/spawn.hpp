// Starting a program at a cost that does not grow with the parent: the child borrows the parent's memory until it has
// become the new program (clone with CLONE_VM and CLONE_VFORK), so nothing is copied.
//
// For a moment the child is in the parent's process group. What is sent to that group meanwhile, by a terminal's Ctrl-C
// for one, the parent gets too, and the child forgets: no program ends, or is stopped, before its first instruction by
// a signal that was not for it.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>

namespace haid::system {

// Everything the child needs, prepared beforehand: between clone and exec it may neither allocate nor lock.
struct SpawnPlan {
    const char* path = nullptr;  // absolute, or relative to `directory`
    const char* const* arguments = nullptr;
    const char* const* environment = nullptr;
    int input = -1;                              // becomes descriptor 0; -1: inherited
    int output = -1;                             // 1
    int error = -1;                              // 2
    const char* directory = nullptr;             // nullptr: the parent's
    std::optional<int> nice;                     // absolute niceness
    const char* oom_score_adj = nullptr;         // proc(5), as text; nullptr, or where it is not allowed: the parent's
    const sigset_t* signal_mask = nullptr;       // nullptr: the parent's
    bool default_write_signals = false;          // the parent ignores signals_of_writes and the child must not
    std::uint64_t file_limit = 0;                // soft RLIMIT_NOFILE; 0: the parent's
    std::atomic<pid_t>* group_record = nullptr;  // gets the new process group before exec, see process/guard.hpp
};

struct Spawned {
    pid_t pid = -1;  // leader of a process group of its own; -1: nothing was started
    int error = 0;   // errno of what failed
    enum class Stage { fork, directory, descriptors, exec } stage = Stage::fork;  // where it failed
};

// Returns once the child has become the program or has failed and been reaped. Single-threaded callers only.
// Errors are values, for the caller falls back (no such file: a shell) or waits (EAGAIN).
Spawned spawn(const SpawnPlan& plan);

}  // namespace haid::system
