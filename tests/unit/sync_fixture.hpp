// For tests of what processes share: children, their ends, and a watchdog in each process.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <set>
#include <string>

namespace haid {

// For the promise that a wait is not shorter than was asked for. How much longer it is depends on the machine.
class Stopwatch {
  public:
    std::chrono::steady_clock::duration elapsed() const { return std::chrono::steady_clock::now() - started_; }

  private:
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

// Signals to a waiting process that must not end its wait.
class Interruptions {
  public:
    Interruptions() {
        struct sigaction action {};
        action.sa_handler = [](int) {};  // without SA_RESTART
        ::sigaction(SIGUSR1, &action, &before_);
    }
    ~Interruptions() { ::sigaction(SIGUSR1, &before_, nullptr); }
    Interruptions(const Interruptions&) = delete;
    Interruptions& operator=(const Interruptions&) = delete;

    template <class UntilAsleep>
    static void interrupt(pid_t pid, UntilAsleep until_asleep) {
        for (int i = 0; i < 5; ++i) {
            until_asleep(pid);
            ::kill(pid, SIGUSR1);
        }
        until_asleep(pid);
    }

  private:
    struct sigaction before_ {};
};

class SyncTest : public testing::Test {
  protected:
    static constexpr unsigned patience = 30;  // seconds until a process that hangs is ended

    SyncTest() { ::alarm(patience); }
    ~SyncTest() override {
        for (pid_t pid : started_) ::kill(pid, SIGKILL);
        for (pid_t pid : started_) ::waitpid(pid, nullptr, 0);
        ::alarm(0);
    }

    // A child that does `body` and leaves with what it returns: 0 is well. An exception that it did not expect: 99.
    template <class Body>
    pid_t start(Body body) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::alarm(patience);
            int status = 99;
            try {
                status = body();
            } catch (const std::exception& error) {
                const std::string message = std::string(error.what()) + "\n";
                static_cast<void>(!::write(STDERR_FILENO, message.data(), message.size()));
            }
            ::_exit(status);
        }
        started_.insert(pid);
        return pid;
    }
    // Its exit status, or minus the signal that ended it.
    int end(pid_t pid) {
        int status = 0;
        while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        started_.erase(pid);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    }
    int kill(pid_t pid) {
        ::kill(pid, SIGKILL);
        return end(pid);
    }

    // A child that does `wait` and leaves with 0.
    template <class Wait>
    pid_t start_waiting(Wait wait) {
        return start([&] {
            wait();
            return 0;
        });
    }
    // The same; returns when it sleeps.
    template <class Wait>
    pid_t asleep_in(Wait wait) {
        const pid_t pid = start_waiting(wait);
        until_asleep(pid);
        return pid;
    }

    // Signals do not end `wait`; what `wake` does ends it.
    template <class Wait, class Wake>
    void expect_signals_not_to_end(Wait wait, Wake wake) {
        const Interruptions interruptions;
        const pid_t waiter = start_waiting(wait);
        Interruptions::interrupt(waiter, until_asleep);
        wake();
        EXPECT_EQ(end(waiter), 0);
    }
    // Both wait in vain, and not less than they were told.
    template <class WaitFor, class WaitUntil>
    static void expect_waits_in_vain(WaitFor wait_for, WaitUntil wait_until) {
        constexpr std::chrono::milliseconds limit(20);
        const Stopwatch watch;
        EXPECT_FALSE(wait_for(limit));
        EXPECT_GE(watch.elapsed(), limit);
        const auto until = std::chrono::system_clock::now() + limit;
        EXPECT_FALSE(wait_until(until));
        EXPECT_GE(std::chrono::system_clock::now(), until);
    }

    static void pause(std::chrono::nanoseconds time) {
        timespec left{0, static_cast<long>(time.count())};
        ::nanosleep(&left, nullptr);
    }
    // Returns when it waits in the kernel.
    static void until_asleep(pid_t pid) {
        for (;; pause(std::chrono::milliseconds(1))) {
            std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
            std::string text;
            std::getline(stat, text);
            const auto name_end = text.rfind(')');
            if (name_end != std::string::npos && text.substr(name_end + 2, 1) == "S") return;
        }
    }

  private:
    std::set<pid_t> started_;
};

}  // namespace haid
