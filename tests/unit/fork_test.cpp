#include "process/fork.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "processes.hpp"
#include "redirected.hpp"
#include "system/error.hpp"
#include "without_call.hpp"

namespace haid::process {
namespace {

class Fork : public testing::Test {
  protected:
    // Whatever waits for ever here is ended by SIGALRM.
    void SetUp() override { ::alarm(30); }
    void TearDown() override { ::alarm(0); }
};

TEST_F(Fork, TheChildEndsWithWhatItsBodyReturns) {
    Forked forked = fork_child([] { return 42; });
    EXPECT_EQ(exit_status(forked.pid), 42);
}

TEST_F(Fork, AnExceptionIsStatusOne) {
    EXPECT_EQ(exit_status(fork_child([]() -> int { throw std::runtime_error("x"); }).pid), 1);
}

TEST_F(Fork, TheChildIsAChildOfThisProcess) {
    pid_t here = ::getpid();
    EXPECT_EQ(exit_status(fork_child([&] { return ::getppid() == here && ::getpid() != here ? 0 : 1; }).pid), 0);
}

TEST_F(Fork, ObjectsOfTheCallerAreNotDestroyedInTheChild) {
    BlockingPipe pipe;
    {
        struct Tell {
            const BlockingPipe& pipe;
            ~Tell() { pipe.put(); }
        } tell{pipe};
        exit_status(fork_child([] { return 0; }).pid);
    }
    pipe.write.close();
    EXPECT_TRUE(pipe.get());
    EXPECT_FALSE(pipe.get());
}

TEST_F(Fork, WhatTheParentHadPrintedIsPrintedOnce) {
    system::Descriptor output = system::unlinked_file("/tmp");
    system::Descriptor other = system::unlinked_file("/tmp");
    FILE* file = ::fdopen(::dup(other.get()), "w");
    {
        Redirected redirected(output.get(), output.get());
        ::setvbuf(stdout, nullptr, _IOFBF, 1 << 16);
        std::printf("printf before\n");
        std::cout << "cout before\n";
        std::clog << "clog before\n";
        std::fprintf(file, "file before\n");
        for (int child = 0; child < 5; ++child) {
            ::waitpid(fork_child([&] {
                          std::printf("printf child\n");
                          std::cout << "cout child\n";
                          std::fprintf(file, "file child\n");
                          return 0;
                      }).pid,
                      nullptr, 0);
        }
        std::printf("printf after\n");
        std::fflush(stdout);
        ::setvbuf(stdout, nullptr, _IOLBF, 0);
    }
    std::fclose(file);
    std::string text = content(output.get()) + content(other.get());
    for (const char* once : {"printf before", "cout before", "clog before", "file before", "printf after"}) {
        EXPECT_EQ(count_of(text, once), 1u) << once;
    }
    for (const char* five : {"printf child", "cout child", "file child"}) EXPECT_EQ(count_of(text, five), 5u) << five;
}

TEST_F(Fork, OutputThatCannotBeWrittenIsAFailure) {
    system::Descriptor full = system::open_file("/dev/full", O_WRONLY);
    system::Descriptor error = system::unlinked_file("/tmp");
    int status;
    {
        Redirected redirected(full.get(), error.get());
        status = exit_status(fork_child([] { return std::printf("lost") == 4 ? 0 : 9; }).pid);
    }
    EXPECT_EQ(status, 1);
    EXPECT_NE(content(error.get()).find("could not write all of its output"), std::string::npos)
        << content(error.get());
}

TEST_F(Fork, TheSignalMaskStaysInParentAndChild) {
    sigset_t mask, before, after;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    ::pthread_sigmask(SIG_SETMASK, &mask, &before);
    Forked child = fork_child([] {
        sigset_t here;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &here);
        return sigismember(&here, SIGUSR1) == 1 && sigismember(&here, SIGTERM) == 0 ? 0 : 1;
    });
    ::pthread_sigmask(SIG_SETMASK, &before, &after);
    EXPECT_EQ(sigismember(&after, SIGUSR1), 1);
    EXPECT_EQ(sigismember(&after, SIGTERM), 0);
    EXPECT_EQ(exit_status(child.pid), 0);
}

TEST_F(Fork, AChildWithAGroupOfItsOwnIsNotReachedByWhatIsSentToItsParentsGroupBefore) {
    SignalAtBirth interrupt(SIGINT);
    EXPECT_EQ(exit_status(fork_child([] { return ::getpgrp() == ::getpid() ? 42 : 1; }, {.own_group = true}).pid), 42);
}

TEST_F(Fork, SignalsWaitForAChildThatSetsItsDispositionsFirst) {
    SignalAtBirth interrupt(SIGINT);
    auto body = [] {
        sigset_t pending;
        ::sigpending(&pending);
        return sigismember(&pending, SIGINT) == 1 ? 42 : 1;
    };
    EXPECT_EQ(exit_status(fork_child(body, {.signals_wait = true}).pid), 42);
    EXPECT_EQ(exit_status(fork_child(body).pid), -SIGINT);
}

TEST_F(Fork, ADroppedLifelineKillsTheChild) {
    Forked forked = fork_child([]() -> int { sleep_for_ever(); });
    forked.lifeline.cut();
    EXPECT_EQ(exit_status(forked.pid), -SIGKILL);
}

TEST_F(Fork, ALifelineThatMovesKeepsTheChild) {
    BlockingPipe pipe;
    Forked forked = fork_child([&] { return pipe.get() ? 7 : 8; });
    Lifeline elsewhere = std::move(forked.lifeline);
    Lifeline third;
    third = std::move(elsewhere);
    pipe.put();
    EXPECT_EQ(exit_status(forked.pid), 7);
}

TEST_F(Fork, ChildrenAndGrandchildrenDieWithAParentThatIsKilled) {
    BlockingPipe alive, ready;
    pid_t parent = middle([&] {
        std::vector<Forked> children;
        for (int child = 0; child < 3; ++child) {
            children.push_back(fork_child([&]() -> int {
                Forked grandchild = fork_child([&]() -> int {
                    sigset_t all;
                    sigfillset(&all);
                    ::sigprocmask(SIG_SETMASK, &all, nullptr);
                    ready.put();
                    sleep_for_ever();
                });
                sleep_for_ever();
            }));
        }
        sleep_for_ever();
    });
    for (int grandchild = 0; grandchild < 3; ++grandchild) EXPECT_TRUE(ready.get());
    ::kill(parent, SIGKILL);
    alive.wait_until_all_are_gone();
    EXPECT_EQ(exit_status(parent), -SIGKILL);
}

TEST_F(Fork, AChildOutlivesTheThreadThatForkedItButNotTheProcess) {
    BlockingPipe alive, ready;
    pid_t parent = middle([&] {
        Forked child;
        std::thread([&] {
            child = fork_child([&]() -> int {
                ready.put();
                sleep_for_ever();
            });
        }).join();
        if (!ready.get() || ::waitpid(child.pid, nullptr, WNOHANG) != 0) ::_exit(3);
        ::kill(::getpid(), SIGKILL);
    });
    EXPECT_EQ(exit_status(parent), -SIGKILL);
    alive.wait_until_all_are_gone();
}

TEST_F(Fork, AParentThatDiesAtOnceTakesItsChildAlong) {
    BlockingPipe alive;
    for (int round = 0; round < 50; ++round) {
        pid_t parent = middle([&] {
            Forked child = fork_child([]() -> int { sleep_for_ever(); });
            ::kill(::getpid(), SIGKILL);
        });
        EXPECT_EQ(exit_status(parent), -SIGKILL);
    }
    alive.wait_until_all_are_gone();
}

TEST_F(Fork, AProcessForkedByOthersDoesNotKeepChildrenAlive) {
    BlockingPipe alive, bystander;
    pid_t parent = middle([&] {
        Forked child = fork_child([&]() -> int {
            bystander.read.close();
            bystander.write.close();
            sleep_for_ever();
        });
        if (::fork() == 0) {
            alive.read.close();
            alive.write.close();
            bystander.write.close();
            ::_exit(bystander.get() ? 1 : 0);  // lives until the test has ended
        }
        ::kill(::getpid(), SIGKILL);
    });
    EXPECT_EQ(exit_status(parent), -SIGKILL);
    alive.wait_until_all_are_gone();
    bystander.write.close();
}

TEST_F(Fork, WithoutALifelineTheChildLivesOn) {
    BlockingPipe go, answer;
    pid_t parent = middle([&] {
        fork_child(
            [&] {
                if (go.get()) answer.put();
                return 0;
            },
            {.die_with_parent = false});
        ::kill(::getpid(), SIGKILL);
    });
    EXPECT_EQ(exit_status(parent), -SIGKILL);
    go.put();
    answer.write.close();
    EXPECT_TRUE(answer.get());
}

TEST_F(Fork, ALifelineInAChildOfItsOwnerTouchesNothing) {
    Forked first = fork_child([]() -> int { sleep_for_ever(); });
    Forked second = fork_child([&] {
        int taken = ::dup(STDERR_FILENO);  // may well get the number that the lifeline had
        first.lifeline.cut();
        return ::fcntl(taken, F_GETFD) != -1 ? 0 : 1;
    });
    EXPECT_EQ(exit_status(second.pid), 0);
    EXPECT_EQ(::waitpid(first.pid, nullptr, WNOHANG), 0);
    first.lifeline.cut();
    EXPECT_EQ(exit_status(first.pid), -SIGKILL);
}

void expect_sentinel_to_tell_the_end(bool pidfd) {
    BlockingPipe go;
    Forked forked = fork_child(
        [&] {
            go.write.close();
            return go.get() ? 6 : 5;
        },
        {.sentinel = true});
    ASSERT_TRUE(forked.sentinel);
    ASSERT_EQ(forked.sentinel_is_pidfd, pidfd);
    EXPECT_EQ(::fcntl(forked.sentinel.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    // A child that is forked later does not hold the first one's sentinel.
    Forked later = fork_child(
        [&]() -> int {
            go.write.close();
            sleep_for_ever();
        },
        {.sentinel = true});
    pollfd ended{forked.sentinel.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 0), 0);
    go.write.close();
    EXPECT_EQ(::poll(&ended, 1, -1), 1);
    EXPECT_EQ(exit_status(forked.pid), 5);
    later.lifeline.cut();
    ended.fd = later.sentinel.get();
    EXPECT_EQ(::poll(&ended, 1, -1), 1);
    EXPECT_EQ(exit_status(later.pid), -SIGKILL);
}

TEST_F(Fork, TheSentinelTellsTheEnd) {
    expect_sentinel_to_tell_the_end(true);
}

TEST_F(Fork, AChildThatIsReapedBeforeItCanBeWatchedHasEnded) {
    pid_t ignoring = middle([] {
        ::signal(SIGCHLD, SIG_IGN);
        without_call(SYS_pidfd_open, ESRCH, static_cast<unsigned>(::getpid()));
        Forked forked = fork_child([] { return 0; }, {.sentinel = true});
        EXPECT_FALSE(forked.sentinel_is_pidfd);
        pollfd ended{forked.sentinel.get(), POLLIN, 0};
        EXPECT_EQ(::poll(&ended, 1, 0), 1);
    });
    EXPECT_EQ(exit_status(ignoring), 0);
}

TEST_F(Fork, AChildThatCannotBeWatchedIsNotLeftBehind) {
    pid_t poor = middle([] {
        without_call(SYS_pidfd_open, EMFILE, static_cast<unsigned>(::getpid()));
        std::size_t before = open_descriptors();
        try {
            fork_child([]() -> int { sleep_for_ever(); }, {.sentinel = true});
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code().value(), EMFILE);
        }
        EXPECT_EQ(open_descriptors(), before);
        EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    });
    EXPECT_EQ(exit_status(poor), 0);
}

TEST_F(Fork, WithoutPidfdOpenTheSentinelIsAPipe) {
    pid_t old_kernel = middle([] {
        without_call(SYS_pidfd_open);
        expect_sentinel_to_tell_the_end(false);
    });
    EXPECT_EQ(exit_status(old_kernel), 0);
}

TEST_F(Fork, AGrandchildDoesNotHoldTheSentinelThatIsAPipe) {
    BlockingPipe go;
    pid_t old_kernel = middle([&] {
        without_call(SYS_pidfd_open);
        Forked forked = fork_child(
            [&] {
                if (::fork() == 0) {
                    go.write.close();
                    go.get();  // until the test has ended
                    ::_exit(0);
                }
                return 0;
            },
            {.sentinel = true});
        pollfd ended{forked.sentinel.get(), POLLIN, 0};
        EXPECT_EQ(::poll(&ended, 1, -1), 1);
        EXPECT_EQ(exit_status(forked.pid), 0);
    });
    EXPECT_EQ(exit_status(old_kernel), 0);
}

std::atomic<int> forgotten = 0;

TEST_F(Fork, EveryChildForgetsWhatIsTheParentsAlone) {
    [[maybe_unused]] static const bool once = (at_fork_in_child([] { ++forgotten; }), true);
    EXPECT_EQ(exit_status(fork_child([] { return forgotten.load(); }).pid), 1);
    pid_t raw = ::fork();
    if (raw == 0) ::_exit(forgotten);
    EXPECT_EQ(exit_status(raw), 1);
    EXPECT_EQ(forgotten, 0);
}

#ifndef __SANITIZE_ADDRESS__  // its allocator has locks of its own, and does not put them in order in a child
TEST_F(Fork, ThreadsThatAllocateAndPrintDoNotDisturb) {
    system::Descriptor output = system::unlinked_file("/tmp");
    std::atomic<bool> stop = false;
    std::atomic<int> lines = 0;
    int failed = 0;
    {
        Redirected redirected(output.get(), STDERR_FILENO);
        ::setvbuf(stdout, nullptr, _IOFBF, 1 << 16);
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&] {
                while (!stop) {
                    auto words = std::make_unique<std::vector<std::string>>(10, std::string(100, 'x'));
                    if (++lines <= 100'000) std::printf("thread %s\n", words->front().substr(0, 10).c_str());
                }
            });
        }
        for (int round = 0; round < 200; ++round) {
            Forked forked = fork_child([] {
                std::vector<std::string> words(100, std::string(1000, 'y'));
                std::printf("child %s\n", words.back().substr(0, 10).c_str());
                std::cout << "more of child\n";
                try {
                    throw std::runtime_error(words.front());
                } catch (const std::exception&) {
                    return 11;
                }
            });
            if (exit_status(forked.pid) != 11) ++failed;
        }
        stop = true;
        for (std::thread& thread : threads) thread.join();
        std::fflush(stdout);
        ::setvbuf(stdout, nullptr, _IOLBF, 0);
    }
    std::string text = content(output.get());
    EXPECT_EQ(failed, 0);
    // The threads' buffer is written in blocks, not in lines: a child's line may stand within one of theirs.
    const std::string of_child = "child yyyyyyyyyy\nmore of child\n", of_thread = "thread xxxxxxxxxx\n";
    EXPECT_EQ(count_of(text, of_child), 200u);
    EXPECT_EQ(text.size(),
              200 * of_child.size() + static_cast<std::size_t>(std::min(lines.load(), 100'000)) * of_thread.size());
}
#endif

TEST_F(Fork, AThreadThatReadsStdinIsNotWaitedFor) {
    pid_t reader = middle([] {
        BlockingPipe input;
        ::dup2(input.read.get(), STDIN_FILENO);
        std::thread([] { std::getchar(); }).detach();
        while (::ftrylockfile(stdin) == 0) {
            ::funlockfile(stdin);
            std::this_thread::yield();
        }
        ::_exit(exit_status(fork_child([] { return 4; }).pid));
    });
    EXPECT_EQ(exit_status(reader), 4);
}

TEST_F(Fork, ThreadsMayForkAtTheSameTime) {
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (int round = 0; round < 25; ++round) {
                Forked forked = fork_child([&] { return thread * 25 + round; }, {.sentinel = true});
                pollfd ended{forked.sentinel.get(), POLLIN, 0};
                if (::poll(&ended, 1, -1) != 1 || exit_status(forked.pid) != thread * 25 + round) ++wrong;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

TEST_F(Fork, NoProcessLeftIsAnErrorThatLeavesNothingBehind) {
    pid_t poor = middle([] {
        // Limits of processes do not hold for root.
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(9);
        rlimit none{0, 0};
        ::setrlimit(RLIMIT_NPROC, &none);
        std::size_t before = open_descriptors();
        for (bool sentinel : {false, true}) {
            try {
                fork_child([] { return 0; }, {.sentinel = sentinel});
                ::_exit(2);
            } catch (const system::SystemError& error) {
                if (error.error() != EAGAIN) ::_exit(3);
                if (std::string(error.what()).find("ulimit -u") == std::string::npos) ::_exit(4);
            }
        }
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        if (sigismember(&mask, SIGTERM) != 0) ::_exit(5);
        ::_exit(open_descriptors() == before ? 0 : 6);
    });
    EXPECT_EQ(exit_status(poor), 0);
}

TEST_F(Fork, NoDescriptorLeftIsAnErrorThatLeavesNothingBehind) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "a sanitizer needs descriptors to look at an object whose member is called";
#endif
    pid_t poor = middle([] {
        // A sanitizer takes descriptors to look at a type for the first time.
        Forked first = fork_child([] { return 0; }, {.sentinel = true});
        EXPECT_EQ(exit_status(first.pid), 0);
        first = {};
        std::size_t before = open_descriptors();
        const int next = ::dup(STDIN_FILENO);
        ::close(next);
        rlimit usual{};
        ::getrlimit(RLIMIT_NOFILE, &usual);
        for (int free : {0, 1}) {  // the pipe alone takes two
            rlimit few{static_cast<rlim_t>(next + free), usual.rlim_max};
            int error = 0;
            ::setrlimit(RLIMIT_NOFILE, &few);
            try {
                fork_child([] { return 0; }, {.sentinel = true});
            } catch (const std::system_error& failure) {
                ::setrlimit(RLIMIT_NOFILE, &usual);  // a sanitizer needs some to look at the exception
                error = failure.code().value();
            }
            EXPECT_EQ(error, EMFILE);
        }
        EXPECT_EQ(open_descriptors(), before);
        EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    });
    EXPECT_EQ(exit_status(poor), 0);
}

TEST_F(Fork, NothingAccumulates) {
    std::size_t before = open_descriptors();
    for (int round = 0; round < 200; ++round) {
        Forked forked = fork_child([] { return 0; }, {.sentinel = true});
        exit_status(forked.pid);
    }
    EXPECT_EQ(open_descriptors(), before);
    Forked last = fork_child([before] { return open_descriptors() == before + 1 ? 0 : 1; });  // the lifeline
    EXPECT_EQ(exit_status(last.pid), 0);
}

}  // namespace
}  // namespace haid::process
