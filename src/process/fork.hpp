// The one place from which the library forks.
//
// Invariants.
// - What the parent printed before is printed once: its stdio and std::cout, cerr and clog are flushed before the fork,
//   and what other threads print meanwhile is theirs, not the child's. What the child prints is out before it ends.
// - A child does not outlive its parent, kill -9 included, whichever thread forked and however long that thread lives:
//   the parent holds the only write end of a pipe, the child has told the kernel to send it SIGKILL when that end is
//   closed. So that nobody else has it, all write ends of this process are closed in every child of it, also in those
//   that others fork (pthread_atfork, registered with the first fork from here). Only a child made by clone or _Fork
//   that never executes anything keeps them. (A parent that executes another program ends its children, too.)
// - Signal masks are in both processes what they were; dispositions are not touched. All descriptors are close-on-exec,
//   so a child that executes another program is no longer bound to its parent, unless that was asked for.
//
// Thread-safe; forks wait for each other. May be called while other threads allocate, print or fork: the C library
// puts its own locks in order in the child. Locks of others are theirs to look after; at_fork_in_child is for ours.
// With std::ios::sync_with_stdio(false), std::cout must not be in use by another thread meanwhile.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "system/descriptor.hpp"

namespace haid::process {

// The parent's end of what binds a child to it. When it goes while the child runs, the kernel kills the child; so keep
// it until the child is reaped (`fork_child(f).pid` by itself is a child that is killed at once). A copy that a fork
// put into another process is without effect there. Thread-safe.
class Lifeline {
  public:
    Lifeline() = default;
    Lifeline(Lifeline&& other) noexcept : end_(std::exchange(other.end_, -1)), owner_(other.owner_) {}
    Lifeline& operator=(Lifeline&& other) noexcept {
        std::swap(end_, other.end_);
        std::swap(owner_, other.owner_);
        other.cut();
        return *this;
    }
    ~Lifeline() { cut(); }

    explicit operator bool() const { return end_ >= 0; }
    void cut() noexcept;

  private:
    friend struct Forking;
    Lifeline(int end, pid_t owner) : end_(end), owner_(owner) {}

    int end_ = -1;
    pid_t owner_ = 0;
};

struct ForkOptions {
    bool die_with_parent = true;
    int death_signal = SIGKILL;  // what the parent's end sends the child; another one lets it put things in order first
    bool also_as_program = false;  // it dies with its parent also when it executes another program
    bool sentinel = false;         // costs a descriptor in the parent
    // It leads a process group of its own before any signal can reach it: what is sent to the parent's group is never
    // for it, not even while it is being made.
    bool own_group = false;
    // `body` begins with every signal blocked, and what came for it until then waits: for one that has dispositions of
    // its own to set first. Otherwise the mask is the parent's.
    bool signals_wait = false;
    // What touches no stream need not flush them, which costs some page faults where everything is new. A child that
    // does not print has them as its parent did; so it must not flush before it forks, and its children, which do
    // print, begin with empty ones like any other.
    bool parent_prints = true;
    bool child_prints = true;
};

struct Forked {
    pid_t pid = -1;     // to be reaped by the caller
    Lifeline lifeline;  // empty unless die_with_parent
    // Becomes readable when the child has ended, reaped or not: a pidfd where the kernel has pidfd_open (5.3), else the
    // read end of a pipe whose write end only the child has (it closes a moment before the child can be reaped, or
    // earlier if the child closes descriptors that are not its own). Empty unless asked for.
    system::Descriptor sentinel;
    bool sentinel_is_pidfd = false;
};

// Runs `body` in a child of this process and ends the child with what it returns as exit status, without destructors
// of the caller's objects and without atexit functions. An exception that leaves `body` is status 1, without a message.
// Output that the child could not write is told on standard error, and is status 1 where it would have been 0.
//
// Waits while another thread holds a stdio stream (writes to a full pipe, reads from one that popen made). A thread
// that reads stdin is not waited for; then only stdout and stderr are flushed, and text that is buffered for other
// files may be written by both processes.
//
// Throws SystemError (EAGAIN, ENOMEM, EMFILE, ENFILE); nothing is left behind then.
Forked fork_child(const std::function<int()>& body, const ForkOptions& options = {});

// What `body` returns where execve has failed: told on standard error, and the exit status that a shell has for it.
int not_executed(const char* program) noexcept;

// To the child, and to nobody else where the kernel has pidfds, though somebody else may have reaped it. 0, or an errno
// (ESRCH: it has ended).
int send(const Forked& child, int signal) noexcept;

// `forget` will be called in every child of this process, before anything else of the library, with one thread and
// nothing locked by fork_child: for state that is the parent's alone (threads that do not exist there, locks that they
// may have held). Calls cannot be taken back. Thread-safe.
void at_fork_in_child(void (*forget)());

// A number of this process that none of its descendants finds, which a pid may be after a while. Thread-safe.
std::uint64_t this_process();

}  // namespace haid::process
