// For tests with processes of their own. No test sleeps: a pipe tells what has happened, SIGALRM ends what hangs.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <utility>

#include "system/descriptor.hpp"
#include "system/error.hpp"

namespace haid {

// Reaps the child; its exit status, or minus the signal's number.
inline int exit_status(pid_t pid) {
    int status = 0;
    EXPECT_EQ(system::uninterrupted([&] { return ::waitpid(pid, &status, 0); }), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct BlockingPipe {
    system::Descriptor read, write;

    BlockingPipe() {
        int ends[2];
        system::check(::pipe2(ends, O_CLOEXEC), "pipe2");
        read = system::Descriptor(ends[0]);
        write = system::Descriptor(ends[1]);
    }
    void put() const {
        if (::write(write.get(), "x", 1) != 1) ::_exit(98);
    }
    // Waits for a byte; false where nobody is left to put one.
    bool get() const {
        char byte;
        return system::uninterrupted([&] { return ::read(read.get(), &byte, 1); }) == 1;
    }
    // Waits until no other process has the write end.
    void wait_until_all_are_gone() {
        write.close();
        while (get()) {
        }
    }
};

// A child made without the library: a program of its own in the middle, for us to kill.
// Status 97: an expectation failed or something was thrown there.
template <class Body>
pid_t middle(Body body) {
    pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::alarm(30);
    try {
        body();
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    }
    ::_exit(testing::Test::HasFailure() ? 97 : 0);
}

// While it lives, every child that this process forks is sent the signal before it does anything: as if it had been
// sent to the group in the moment of the fork. The child's own children are not.
class SignalAtBirth {
  public:
    explicit SignalAtBirth(int signal) {
        static const int registered = ::pthread_atfork(nullptr, nullptr, [] {
            if (const int number = std::exchange(number_, 0); number != 0) ::kill(::getpid(), number);
        });
        EXPECT_EQ(registered, 0);
        number_ = signal;
    }
    ~SignalAtBirth() { number_ = 0; }
    SignalAtBirth(const SignalAtBirth&) = delete;
    SignalAtBirth& operator=(const SignalAtBirth&) = delete;

  private:
    static inline int number_ = 0;
};

[[noreturn]] inline void sleep_for_ever() {
    for (;;) ::pause();
}

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    DIR* folder = ::opendir("/proc/self/fd");
    while (::readdir(folder) != nullptr) ++count;
    ::closedir(folder);
    return count;
}

inline std::size_t count_of(const std::string& text, const std::string& word) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size()) ++count;
    return count;
}

}  // namespace haid
