// Whose a process is: from the object that stands for it to the end of the program, and what may go wrong.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "haid/error.hpp"
#include "haid/process.hpp"
#include "process_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class ProcessLifetime : public ProcessClass {};

template <class Body>
std::string message_of(Body body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "nothing was thrown";
}

TEST_F(ProcessLifetime, TheDestructorJoins) {
    BlockingPipe done;
    {
        Process p{[&] { done.put(); }};
        p.start();
    }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left, no zombie either";
    done.write.close();
    EXPECT_TRUE(done.get());
}

TEST_F(ProcessLifetime, TheDestructorOfADaemonEndsIt) {
    BlockingPipe alive, ready;
    {
        Process polite{sleep_for_ever};
        Process deaf{[&] {
            ::signal(SIGTERM, SIG_IGN);
            ready.put();
            sleep_for_ever();
        }};
        Process stopped{[&] { ::raise(SIGSTOP); }};
        for (Process* p : {&polite, &deaf, &stopped}) {
            p->daemon(true);
            p->start();
        }
        ready.get();
    }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    alive.wait_until_all_are_gone();
}

TEST_F(ProcessLifetime, NotStartedItLeavesNothing) {
    { Process p{greet, "nobody"}; }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(ProcessLifetime, CanBeMoved) {
    std::vector<Process> processes;
    for (int number = 0; number < 10; ++number) processes.emplace_back([number] { std::exit(number); });
    for (Process& p : processes) p.start();
    Process moved = std::move(processes[3]);
    moved.join();
    EXPECT_EQ(moved.exit_code(), 3);
    processes[3] = Process{[] { std::exit(33); }};
    processes[3].start();
    processes[3].join();
    EXPECT_EQ(processes[3].exit_code(), 33);
    processes[4] = std::move(moved);  // joins what was there
    EXPECT_EQ(processes[4].exit_code(), 3);
    EXPECT_NE(message_of([&] { moved.join(); }).find("moved from"), std::string::npos);
    EXPECT_EQ(text_of(moved), "<Process moved>");
    processes.clear();
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(ProcessLifetime, MisuseIsAnErrorThatSaysSo) {
    Process p{sleep_for_ever};
    p.name("p");
    for (auto misuse :
         std::vector<std::function<void()>>{[&] { p.join(); }, [&] { p.join_for(1s); }, [&] { p.terminate(); },
                                            [&] { p.kill(); }, [&] { p.sentinel(); }}) {
        EXPECT_EQ(message_of(misuse), "process 'p' has not been started");
    }
    EXPECT_FALSE(p.is_alive());
    p.start();
    EXPECT_EQ(message_of([&] { p.start(); }), "process 'p' has been started before: make another haid::Process");
    EXPECT_NE(message_of([&] { p.name("q"); }).find("only be set before"), std::string::npos);
    EXPECT_NE(message_of([&] { p.daemon(true); }).find("only be set before"), std::string::npos);
    EXPECT_EQ(message_of([&] { p.close(); }), "process 'p' still runs: join it before closing it");
    p.kill();
    p.join();
    EXPECT_NE(message_of([&] { p.start(); }).find("started before"), std::string::npos);
    p.close();
    p.close();
    EXPECT_EQ(message_of([&] { p.join(); }), "process 'p' is closed");
    EXPECT_EQ(message_of([&] { p.exit_code(); }), "process 'p' is closed");
    EXPECT_EQ(p.name(), "p");
}

TEST_F(ProcessLifetime, BelongsToTheProcessThatMadeIt) {
    Process sleeper{sleep_for_ever};
    sleeper.daemon(true);
    sleeper.start();
    Process p{[&] {
        bool refused = message_of([&] { sleeper.join(); }).find("belongs to process") != std::string::npos &&
                       message_of([&] { sleeper.kill(); }).find("belongs to process") != std::string::npos;
        bool known = sleeper.pid() > 0 && text_of(sleeper).find(" unknown daemon>") != std::string::npos;
        { Process dies_here = std::move(sleeper); }
        std::exit(refused && known ? 0 : 1);
    }};
    p.start();
    p.join();
    EXPECT_EQ(p.exit_code(), 0);
    EXPECT_TRUE(sleeper.is_alive());
}

TEST_F(ProcessLifetime, StaticObjectsOfTheParentDoNotEndItsProcessesWhenAChildExits) {
    pid_t program = middle([] {
        static Process daemon{sleep_for_ever};
        daemon.daemon(true);
        daemon.start();
        Process p{[] { std::exit(3); }};
        p.start();
        p.join();
        EXPECT_EQ(p.exit_code(), 3);
        EXPECT_TRUE(daemon.is_alive());
    });
    EXPECT_EQ(exit_status(program), 0);
}

TEST_F(ProcessLifetime, MaskAndDispositionsStay) {
    struct sigaction before {
    }, after{};
    sigset_t mask_before, mask_after;
    ::sigaction(SIGCHLD, nullptr, &before);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_before);
    Process p{[&] {
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        for (int signal = 1; signal < 32; ++signal) {
            if (sigismember(&mask, signal) != sigismember(&mask_before, signal)) std::exit(signal);
        }
    }};
    p.start();
    p.join();
    EXPECT_EQ(p.exit_code(), 0);
    ::sigaction(SIGCHLD, nullptr, &after);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_after);
    EXPECT_EQ(before.sa_handler, after.sa_handler);
    for (int signal = 1; signal < 32; ++signal) {
        EXPECT_EQ(sigismember(&mask_before, signal), sigismember(&mask_after, signal));
    }
}

TEST_F(ProcessLifetime, ProcessesInProcessesDieWithTheProgram) {
    for (bool daemon : {false, true}) {
        BlockingPipe alive, ready;
        pid_t program = middle([&] {
            Process outer{[&] {
                Process inner{[&] {
                    ready.put();
                    sleep_for_ever();
                }};
                inner.daemon(daemon);
                inner.start();
                sleep_for_ever();
            }};
            outer.daemon(daemon);
            outer.start();
            sleep_for_ever();
        });
        EXPECT_TRUE(ready.get());
        ::kill(program, SIGKILL);
        EXPECT_EQ(exit_status(program), -SIGKILL);
        alive.wait_until_all_are_gone();
    }
}

TEST_F(ProcessLifetime, DaemonsEndWithTheProgram) {
    BlockingPipe alive;
    pid_t program = middle([] {
        static Process daemon{sleep_for_ever};
        daemon.daemon(true);
        daemon.start();
        ::_exit(5);  // not even destructors run
    });
    EXPECT_EQ(exit_status(program), 5);
    alive.wait_until_all_are_gone();
}

TEST_F(ProcessLifetime, AFailedStartCanBeRepeated) {
    pid_t poor = middle([] {
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(9);
        rlimit before{};
        ::getrlimit(RLIMIT_NPROC, &before);
        rlimit none{0, before.rlim_max};
        ::setrlimit(RLIMIT_NPROC, &none);
        Process p{[] { std::exit(4); }};
        std::size_t open = open_descriptors();
        try {
            p.start();
            ADD_FAILURE() << "started in spite of the limit";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code().value(), EAGAIN);
        }
        EXPECT_EQ(open_descriptors(), open);
        EXPECT_EQ(p.pid(), 0);
        ::setrlimit(RLIMIT_NPROC, &before);
        p.start();
        p.join();
        EXPECT_EQ(p.exit_code(), 4);
    });
    EXPECT_EQ(exit_status(poor), 0);
}

TEST_F(ProcessLifetime, NothingIsLeftAfterManyProcesses) {
    auto many = [] {
        std::size_t before = open_descriptors();
        for (int round = 0; round < 50; ++round) {
            std::vector<Process> processes;
            for (int number = 0; number < 5; ++number) processes.emplace_back([] {}).start();
        }
        EXPECT_EQ(open_descriptors(), before);
        EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    };
    many();
    on_an_old_kernel(many);
}

#ifndef __SANITIZE_ADDRESS__  // its allocator does not put its locks in order in a child
TEST_F(ProcessLifetime, StartsFromAProgramWithBusyThreads) {
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&] {
            while (!stop) {
                Process idle{[] {}};
                std::string text = text_of(idle);
            }
        });
    }
    int wrong = 0;
    for (int round = 0; round < 100; ++round) {
        Process p{[] {
            Process inner{[] { throw std::runtime_error("unwound"); }};
            ::close(STDERR_FILENO);
            inner.start();
            inner.join();
            std::exit(*inner.exit_code() == 1 ? 0 : 2);
        }};
        p.start();
        p.join();
        if (p.exit_code() != 0) ++wrong;
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}
#endif

}  // namespace
}  // namespace haid
