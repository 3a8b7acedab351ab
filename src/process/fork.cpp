#include "process/fork.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <mutex>
#include <vector>

#include "system/error.hpp"
#include "system/signals.hpp"
#include "system/tell.hpp"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace haid::process {
namespace {

struct Inheritance {
    std::mutex mutex;                 // held around every fork: what a child finds here is whole
    std::vector<int> ends;            // ours alone: no child may keep them
    std::vector<void (*)()> forgets;  // to be called in every child
};

// Never destroyed: exit functions and destructors of static objects may still fork or cut a lifeline.
Inheritance& inheritance() {
    static Inheritance& only = *new Inheritance;
    return only;
}

// This thread is in fork_child, which has locked already.
thread_local bool locked_by_us = false;

void before_fork() {
    if (!locked_by_us) inheritance().mutex.lock();
}

void after_fork_in_parent() {
    if (!locked_by_us) inheritance().mutex.unlock();
}

void after_fork_in_child() {
    Inheritance& ours = inheritance();
    for (int end : ours.ends) ::close(end);
    ours.ends.clear();
    ours.mutex.unlock();
    for (auto forget : ours.forgets) forget();
}

void watch_all_forks() {
    static const int error = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (error != 0) throw system::SystemError(error, "cannot prepare for starting processes");
}

// The streams' error states stay as they are: a child is not to fail for what its parent could not write.
bool flush_streams() noexcept {
    bool flushed = true;
    for (std::ostream* stream : {&std::cout, &std::cerr, &std::clog}) {
        try {
            if (stream->rdbuf() != nullptr && stream->rdbuf()->pubsync() == -1) flushed = false;
        } catch (...) {
            flushed = false;
        }
    }
    return flushed;
}

void flush_in_parent() {
    flush_streams();
    // fflush(nullptr) takes the lock of every stream, which a thread that waits for input on stdin holds until it
    // comes.
    if (::ftrylockfile(stdin) == 0) {
        ::fflush(nullptr);
        ::funlockfile(stdin);
    } else {
        ::fflush(stdout);
        ::fflush(stderr);
    }
}

int pidfd_open(pid_t pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

// PR_SET_PDEATHSIG would follow the thread that forked, not the process.
void die_with_writer_of(int pipe, int signal) {
    ::fcntl(pipe, F_SETOWN, ::getpid());
    ::fcntl(pipe, F_SETSIG, signal);
    ::fcntl(pipe, F_SETFL, O_ASYNC | O_NONBLOCK);
    // No signal comes for what was before.
    pollfd writer{pipe, 0, 0};
    if (::poll(&writer, 1, 0) > 0) ::kill(::getpid(), signal);
}

// Output is lost also where a write in the middle fails: with the flush at the end, all may be well again.
[[noreturn]] void run(const std::function<int()>& body, bool prints) noexcept {
    if (!prints) {
        try {
            ::_exit(body());
        } catch (...) {
            ::_exit(1);
        }
    }
    // What the parent could not write is none of this process's faults. Text of other threads since the flush will be
    // written by the parent.
    ::__fpurge(stdout);
    ::__fpurge(stderr);
    ::clearerr(stdout);
    const bool was_bad = std::cout.bad();
    int status = 1;
    try {
        status = body();
    } catch (...) {
    }
    errno = 0;
    bool written = flush_streams();
    written = ::fflush(nullptr) == 0 && written;
    int error = written ? 0 : errno;
    if (!written || ::ferror(stdout) != 0 || (std::cout.bad() && !was_bad)) {
        ::dprintf(STDERR_FILENO, "haid: process %d could not write all of its output%s%s\n",
                  static_cast<int>(::getpid()), error != 0 ? ": " : "",
                  error != 0 ? system::reason(error).c_str() : "");
        if (status == 0) status = 1;
    }
    ::_exit(status);
}

}  // namespace

void Lifeline::cut() noexcept {
    if (end_ < 0) return;
    int end = std::exchange(end_, -1);
    // In a child it was closed at the fork, and the number may be another file's by now.
    if (owner_ != ::getpid()) return;
    system::BlockedSignals blocked;
    Inheritance& ours = inheritance();
    std::lock_guard lock(ours.mutex);
    std::erase(ours.ends, end);
    ::close(end);
}

// Made by the parent before the fork; what a child may not have is entered in `Inheritance` as long as it exists.
struct Forking {
    system::Pipe lifeline;
    system::Pipe ending;
    // Of this process; holds a place for the child's, which cannot be had before there is a child.
    system::Descriptor place;
    bool pidfds = false;
    int death_signal;
    bool also_as_program;
    bool own_group;

    explicit Forking(const ForkOptions& options)
        : death_signal(options.death_signal), also_as_program(options.also_as_program), own_group(options.own_group) {
        if (options.sentinel) {
            // Asked here, not once for all: a filter of system calls may be installed at any time.
            place = system::Descriptor(pidfd_open(::getpid()));
            pidfds = static_cast<bool>(place);
            if (!pidfds && (errno == EMFILE || errno == ENFILE)) {
                system::throw_errno("cannot get a descriptor for a new process");
            }
            if (!pidfds) ending = system::make_pipe();
        }
        if (options.die_with_parent) {
            inheritance().ends.reserve(inheritance().ends.size() + 1);
            lifeline = system::make_pipe();
            inheritance().ends.push_back(lifeline.write.get());
        }
    }

    void failed() { std::erase(inheritance().ends, lifeline.write.get()); }

    // Nothing may be thrown here: it would end in the parent's own handlers, in the wrong process.
    void in_child() noexcept {
        if (own_group) {
            ::setpgid(0, 0);
            system::discard_pending_signals();  // the parent's end is told after this
        }
        lifeline.write.release();  // closed with all of them
        if (lifeline.read) die_with_writer_of(lifeline.read.get(), death_signal);
        if (lifeline.read && also_as_program) ::fcntl(lifeline.read.get(), F_SETFD, 0);
        ending.read.close();
        place.close();
        if (ending.write) inheritance().ends.push_back(ending.write.get());
    }

    Forked in_parent(pid_t pid) noexcept {
        Forked forked;
        forked.pid = pid;
        lifeline.read.close();
        place.close();
        if (lifeline.write) forked.lifeline = Lifeline(lifeline.write.release(), ::getpid());
        forked.sentinel_is_pidfd = pidfds;
        forked.sentinel = pidfds ? system::Descriptor(system::above_standard(pidfd_open(pid))) : std::move(ending.read);
        return forked;
    }
};

Forked fork_child(const std::function<int()>& body, const ForkOptions& options) {
    watch_all_forks();
    if (options.parent_prints) flush_in_parent();
    Forked forked;
    int error = 0;
    {
        system::BlockedSignals blocked;
        std::unique_lock lock(inheritance().mutex);
        Forking forking(options);
        locked_by_us = true;
        pid_t pid = ::fork();
        error = errno;
        locked_by_us = false;
        if (pid == 0) {
            lock.release();  // unlocked by the handler
            forking.in_child();
            if (!options.signals_wait) blocked.restore();
            run(body, options.child_prints);
        }
        if (pid > 0) {
            forked = forking.in_parent(pid);
            error = errno;
        } else {
            forking.failed();
        }
    }
    if (forked.pid < 0) {
        throw system::SystemError(error, "cannot start a process" + system::process_limit(error));
    }
    if (options.sentinel && !forked.sentinel) {
        if (error != ESRCH) {
            ::kill(forked.pid, SIGKILL);
            system::uninterrupted([&] { return ::waitpid(forked.pid, nullptr, 0); });
            throw system::SystemError(error, "cannot watch the process that was started");
        }
        // It has ended, and somebody has reaped it (SIGCHLD is ignored): a pipe without a writer says so.
        forked.sentinel = system::make_pipe().read;
        forked.sentinel_is_pidfd = false;
    }
    return forked;
}

int not_executed(const char* program) noexcept {
    const int error = errno;
    system::tell("haid: cannot execute {}: {}\n", program, system::reason(error));
    return error == ENOENT ? 127 : 126;
}

int send(const Forked& child, int signal) noexcept {
    if (child.sentinel_is_pidfd) {
        if (::syscall(SYS_pidfd_send_signal, child.sentinel.get(), signal, nullptr, 0) == 0) return 0;
        if (errno != ENOSYS && errno != EPERM) return errno;
    }
    return ::kill(child.pid, signal) == 0 ? 0 : errno;
}

void at_fork_in_child(void (*forget)()) {
    watch_all_forks();
    system::BlockedSignals blocked;
    std::lock_guard lock(inheritance().mutex);
    inheritance().forgets.push_back(forget);
}

std::uint64_t this_process() {
    static std::atomic<std::uint64_t> number{1};
    static const bool registered = [] {
        at_fork_in_child([] { ++number; });
        return true;
    }();
    return registered ? number.load() : 0;
}

}  // namespace haid::process
