// The one place that knows how a process ended.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>

namespace haid::process {

struct Ending {
    pid_t pid;
    int exit_status;  // 0 where a signal ended it
    int signal;       // 0 where it exited by itself
    bool stopped;     // it has not ended: `signal` stopped it
    rusage usage;     // of the process and the children that it waited for
};

// Makes this process the parent of its orphaned descendants, so that none is lost from sight. For programs only.
void adopt_orphans();

// A child that has ended, reaped, or one that a signal has stopped; nullopt where there is none. Never blocks.
//
// Children are found with SIGCHLD and wait4 rather than a pidfd each: that needs no descriptor per job, works on every
// kernel, and sees adopted orphans too. Only a program may do so, for it takes every child of the process.
std::optional<Ending> reap();

}  // namespace haid::process
