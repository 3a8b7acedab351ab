// What a process runs, prints and is called; how it ended, and how it is waited for.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "haid/error.hpp"
#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "haid/process.hpp"
#include "process_fixture.hpp"
#include "redirected.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

// What the body and its processes print, on standard output and standard error together.
template <class Body>
std::string printed(Body body) {
    system::Descriptor file = system::unlinked_file("/tmp");
    {
        Redirected redirected(file.get(), file.get());
        body();
        std::cout.flush();
        std::fflush(stdout);
    }
    return content(file.get());
}

TEST_F(ProcessClass, RunsAFunctionWithArguments) {
    EXPECT_EQ(printed([] {
                  Process p{greet, "Aaron"};
                  p.start();
                  p.join();
                  EXPECT_EQ(p.exit_code(), 0);
              }),
              "Hello Aaron\n");
}

TEST_F(ProcessClass, OutputIsCompleteWithoutJoin) {
    EXPECT_EQ(printed([] {
                  std::printf("before\n");
                  Process p{greet, "Berta"};
                  p.start();
              }),
              "before\nHello Berta\n");
}

TEST_F(ProcessClass, AnyCallableWillDo) {
    struct Account {
        int pence;
        int take(std::unique_ptr<int> out) const { std::exit(pence - *out); }
    };
    Process member{&Account::take, Account{30}, std::make_unique<int>(10)};
    member.start();
    member.join();
    EXPECT_EQ(member.exit_code(), 20);

    int number = 5;
    Process by_reference{[](int& n) { ++n; }, std::ref(number)};
    Process capturing{[&] { std::exit(number); }};
    const auto constant = [] { std::exit(6); };
    Process copied{constant};
    for (Process* p : {&by_reference, &capturing, &copied}) p->start();
    for (Process* p : {&by_reference, &capturing, &copied}) p->join();
    EXPECT_EQ(number, 5) << "what a process changes stays there";
    EXPECT_EQ(by_reference.exit_code(), 0);
    EXPECT_EQ(capturing.exit_code(), 5);
    EXPECT_EQ(copied.exit_code(), 6);
}

TEST_F(ProcessClass, TheResultOfTheFunctionIsNoExitCode) {
    Process p{[] { return 3; }};
    p.start();
    p.join();
    EXPECT_EQ(p.exit_code(), 0);
}

TEST_F(ProcessClass, FunctionAndArgumentsAreReleasedHereAndDestroyedThere) {
    std::string text = printed([] {
        struct Tell {
            pid_t made_in = ::getpid();
            ~Tell() { std::cout << (::getpid() == made_in ? "here\n" : "there\n"); }
        };
        Process p{[tell = std::make_unique<Tell>()] { std::cout << "run\n"; }};
        p.start();
        p.join();
        std::cout << "joined\n";
    });
    EXPECT_EQ(count_of(text, "here\n"), 1u + count_of(text, "there\n")) << text;  // "there" ends in "here"
    EXPECT_LT(text.find("run\n"), text.find("there\n"));
    EXPECT_NE(text.find("joined\n"), std::string::npos);
}

TEST_F(ProcessClass, PidsAreThoseOfTheProcesses) {
    pid_t here = ::getpid();
    BlockingPipe pipe;
    Process p{[&] {
        pid_t told[] = {::getpid(), ::getppid(), current_process().pid, parent_process()->pid};
        if (::write(pipe.write.get(), told, sizeof told) != sizeof told) std::exit(9);
    }};
    EXPECT_EQ(p.pid(), 0);
    p.start();
    pid_t told[4] = {};
    EXPECT_EQ(::read(pipe.read.get(), told, sizeof told), sizeof told);
    EXPECT_EQ(told[0], p.pid());
    EXPECT_EQ(told[1], here);
    EXPECT_EQ(told[2], p.pid());
    EXPECT_EQ(told[3], here);
    p.join();
    EXPECT_EQ(p.pid(), told[0]);
}

TEST_F(ProcessClass, NamesAreNumberedAndNested) {
    // In a process of its own: the numbers of this one depend on the tests that were before.
    pid_t fresh = middle([] {
        EXPECT_EQ(current_process().name, "MainProcess");
        EXPECT_EQ(current_process().pid, ::getpid());
        EXPECT_FALSE(parent_process());
        std::string text = printed([] {
            Process outer{[] {
                std::cout << current_process().name << " of " << parent_process()->name << '\n';
                Process inner{[] { std::cout << current_process().name << " of " << *parent_process() << '\n'; }};
                std::cout << inner << '\n';
                inner.start();
                inner.join();
                std::exit(*inner.exit_code());
            }};
            outer.name("outer");
            outer.daemon(true);
            outer.start();
            outer.join();
            EXPECT_EQ(outer.exit_code(), 0);
            EXPECT_EQ(outer.name(), "outer");
        });
        std::string base = current_process().name;
        EXPECT_NE(text.find("outer of MainProcess\n"), std::string::npos) << text;
        EXPECT_NE(text.find(":1' parent="), std::string::npos) << text;
        EXPECT_NE(text.find(":1 of <Process name='outer' pid="), std::string::npos) << text;
        EXPECT_NE(text.find(" daemon>\n"), std::string::npos) << text;
    });
    EXPECT_EQ(exit_status(fresh), 0);
    Process first{[] {}}, second{[] {}};
    int number = std::stoi(first.name().substr(8));
    EXPECT_EQ(first.name(), "Process-" + std::to_string(number));
    EXPECT_EQ(second.name(), "Process-" + std::to_string(number + 1));
}

// "PoolWorker-1 of MainProcess 12", and the same of what a worker starts.
std::string who() {
    const ProcessInfo here = current_process();
    EXPECT_EQ(here.pid, ::getpid());
    return here.name + " of " + parent_process()->name + " " + std::to_string(parent_process()->pid);
}
std::vector<std::string> who_is_within(int) {
    std::vector<std::string> all{who()};
    const auto inner = haid::map([](int) { return who(); }, std::vector{1});
    all.insert(all.end(), inner.begin(), inner.end());
    std::string process = Process([] {}).name();
    all.push_back(process);
    return all;
}

TEST_F(ProcessClass, WorkersOfAPoolHaveNames) {
    Pool pool(1);
    const std::string here = " of " + current_process().name + " " + std::to_string(::getpid());
    const pid_t worker = pool.apply(::getpid);
    const std::vector<std::string> names = pool.apply(who_is_within, 0);
    EXPECT_EQ(names.at(0), "PoolWorker-1" + here);
    EXPECT_EQ(names.at(1), "PoolWorker-1:1 of PoolWorker-1 " + std::to_string(worker));
    EXPECT_EQ(names.at(2), "Process-1:1");
    EXPECT_THROW(pool.apply([] { ::raise(SIGKILL); }), WorkerLost);
    EXPECT_EQ(pool.apply(who), "PoolWorker-1" + here);
    Pool named({.workers = 1, .initializer = [] { EXPECT_EQ(current_process().name, "PoolWorker-1"); }});
    EXPECT_EQ(named.apply(who), "PoolWorker-1" + here);
    EXPECT_EQ(current_process().name, "MainProcess");
}

TEST_F(ProcessClass, PrintsAsPythonsDoes) {
    Process p{sleep_for_ever};
    p.name("sleeper");
    p.daemon(true);
    std::string parent = " parent=" + std::to_string(::getpid());
    EXPECT_EQ(text_of(p), "<Process name='sleeper'" + parent + " initial daemon>");
    p.start();
    std::string pid = " pid=" + std::to_string(p.pid());
    EXPECT_EQ(text_of(p), "<Process name='sleeper'" + pid + parent + " started daemon>");
    p.terminate();
    p.join();
    EXPECT_EQ(text_of(p), "<Process name='sleeper'" + pid + parent + " stopped exitcode=-SIGTERM daemon>");
    p.close();
    EXPECT_EQ(text_of(p), "<Process name='sleeper'" + pid + parent + " closed daemon>");
    EXPECT_EQ(text_of(current_process()), "<Process name='MainProcess' pid=" + std::to_string(::getpid()) + ">");
}

TEST_F(ProcessClass, ExitCodesAreTheProcesses) {
    Process exits{[] { std::exit(3); }};
    Process at_once{[] { ::_exit(255); }};
    Process aborts{[] {
        rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        std::abort();
    }};
    for (Process* p : {&exits, &at_once, &aborts}) {
        EXPECT_EQ(p->exit_code(), std::nullopt);
        p->start();
        p->join();
        EXPECT_FALSE(p->is_alive());
    }
    EXPECT_EQ(exits.exit_code(), 3);
    EXPECT_EQ(at_once.exit_code(), 255);
    EXPECT_EQ(aborts.exit_code(), -SIGABRT);
}

TEST_F(ProcessClass, SignalsEndIt) {
    Process asked{sleep_for_ever}, forced{sleep_for_ever};
    asked.start();
    forced.start();
    EXPECT_TRUE(asked.is_alive());
    EXPECT_EQ(asked.exit_code(), std::nullopt);
    asked.terminate();
    forced.kill();
    asked.join();
    forced.join();
    EXPECT_EQ(asked.exit_code(), -SIGTERM);
    EXPECT_EQ(forced.exit_code(), -SIGKILL);
    asked.terminate();  // nothing to end: nothing happens
    forced.kill();
}

TEST_F(ProcessClass, AnUncaughtExceptionIsToldWithTheName) {
    std::string text = printed([] {
        Process p{[] {
            std::printf("first\n");
            throw std::out_of_range("no such element");
        }};
        p.name("reader");
        p.start();
        p.join();
        EXPECT_EQ(p.exit_code(), 1);
    });
    EXPECT_EQ(text, "first\nProcess reader: std::out_of_range: no such element\n");
    text = printed([] {
        Process p{[] { throw std::string("no exception"); }};
        p.name("thrower");
        p.start();
    });
    EXPECT_EQ(text.substr(0, 26), "Process thrower: std::__cx");
}

TEST_F(ProcessClass, LostOutputIsAFailure) {
    system::Descriptor full = system::open_file("/dev/full", O_WRONLY);
    system::Descriptor error = system::unlinked_file("/tmp");
    std::optional<int> code;
    {
        Redirected redirected(full.get(), error.get());
        Process p{greet, "nobody"};
        p.start();
        p.join();
        code = p.exit_code();
    }
    EXPECT_EQ(code, 1);
    EXPECT_NE(content(error.get()).find("could not write all of its output"), std::string::npos);
}

TEST_F(ProcessClass, WhatWasPrintedBeforeIsPrintedOnce) {
    std::string text = printed([] {
        ::setvbuf(stdout, nullptr, _IOFBF, 1 << 16);
        std::cout << "parent\n";
        std::printf("parent again\n");
        std::vector<Process> processes;
        for (int number = 0; number < 5; ++number) {
            processes.emplace_back([number] {
                for (int line = 0; line < 1000; ++line) std::cout << "child " << number << '\n';
            });
            processes.back().start();
        }
        for (Process& p : processes) p.join();
        ::setvbuf(stdout, nullptr, _IOLBF, 0);
    });
    EXPECT_EQ(count_of(text, "parent\n"), 1u);
    EXPECT_EQ(count_of(text, "parent again\n"), 1u);
    for (int number = 0; number < 5; ++number) {
        EXPECT_EQ(count_of(text, "child " + std::to_string(number) + "\n"), 1000u);
    }
}

void expect_waits_with_a_limit() {
    BlockingPipe go;
    Process p{[&] {
        go.write.close();
        go.get();
    }};
    p.start();
    EXPECT_FALSE(p.join_for(0ms));
    EXPECT_FALSE(p.join_for(20ms));
    EXPECT_FALSE(p.join_for(std::chrono::duration<double>(0.001)));
    EXPECT_FALSE(p.join_until(std::chrono::system_clock::now() + 1ms));
    EXPECT_FALSE(p.join_for(-1h));
    EXPECT_TRUE(p.is_alive());
    pollfd ended{p.sentinel(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 0), 0);
    go.write.close();
    EXPECT_EQ(::poll(&ended, 1, -1), 1);
    EXPECT_TRUE(p.join_for(1h));
    EXPECT_TRUE(p.join_for(std::chrono::hours::max()));
    EXPECT_TRUE(p.join_for(0ms));
    EXPECT_TRUE(p.join_until(std::chrono::steady_clock::now()));
    EXPECT_EQ(p.exit_code(), 0);
    EXPECT_EQ(::poll(&ended, 1, 0), 1) << "readable as long as it is there";
}

TEST_F(ProcessClass, WaitsWithALimit) {
    expect_waits_with_a_limit();
}

TEST_F(ProcessClass, WaitsWithALimitWithoutPidfds) {
    on_an_old_kernel(expect_waits_with_a_limit);
}

TEST_F(ProcessClass, AProcessThatClosesEverythingIsStillWaitedForWithoutPidfds) {
    on_an_old_kernel([] {
        Process p{[] {
            for (int fd = 3; fd < 100; ++fd) ::close(fd);
            sleep_for_ever();
        }};
        p.start();
        pollfd early{p.sentinel(), POLLIN, 0};
        ::poll(&early, 1, -1);
        EXPECT_FALSE(p.join_for(10ms));
        p.kill();
        EXPECT_TRUE(p.join_for(1h));
        EXPECT_EQ(p.exit_code(), -SIGKILL);
    });
}

void expect_two_threads_to_join() {
    BlockingPipe go;
    Process p{[&] {
        go.write.close();
        go.get();
    }};
    p.start();
    bool in_time = false;
    std::thread first([&] { p.join(); });
    std::thread second([&] { p.join(); });
    std::thread third([&] { in_time = p.join_for(1h); });
    go.write.close();
    first.join();
    second.join();
    third.join();
    EXPECT_TRUE(in_time);
    EXPECT_EQ(p.exit_code(), 0);
}

TEST_F(ProcessClass, TwoThreadsMayJoin) {
    expect_two_threads_to_join();
}

TEST_F(ProcessClass, TwoThreadsMayJoinWithoutPidfds) {
    on_an_old_kernel(expect_two_threads_to_join);
}

void expect_a_stolen_exit_code_to_be_unknown() {
    Process p{[] { std::exit(7); }};
    p.start();
    EXPECT_EQ(exit_status(p.pid()), 7);
    p.join();
    EXPECT_EQ(p.exit_code(), Process::unknown_exit);
    EXPECT_FALSE(p.is_alive());
    p.kill();
    EXPECT_NE(text_of(p).find("exitcode=unknown"), std::string::npos);
}

TEST_F(ProcessClass, WhereSomebodyElseReapsTheExitCodeIsUnknown) {
    expect_a_stolen_exit_code_to_be_unknown();
}

TEST_F(ProcessClass, WhereSomebodyElseReapsTheExitCodeIsUnknownWithoutPidfds) {
    on_an_old_kernel(expect_a_stolen_exit_code_to_be_unknown);
}

TEST_F(ProcessClass, IgnoredSigchldDoesNotHang) {
    auto with_sigchld_ignored = [] {
        ::signal(SIGCHLD, SIG_IGN);
        Process joined{[] {}}, limited{[] {}}, killed{sleep_for_ever};
        for (Process* p : {&joined, &limited, &killed}) p->start();
        joined.join();
        EXPECT_TRUE(limited.join_for(1h));
        EXPECT_TRUE(killed.is_alive());
        killed.kill();
        killed.join();
        EXPECT_EQ(killed.exit_code(), Process::unknown_exit);
    };
    EXPECT_EQ(exit_status(middle(with_sigchld_ignored)), 0);
    on_an_old_kernel(with_sigchld_ignored);
}

TEST_F(ProcessClass, OnlyThisChildIsWaitedFor) {
    pid_t other = middle([] { ::_exit(12); });
    Process p{[] {}};
    p.start();
    p.join();
    EXPECT_EQ(exit_status(other), 12);
}

}  // namespace
}  // namespace haid
