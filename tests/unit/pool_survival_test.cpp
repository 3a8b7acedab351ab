// Pools among the program's other affairs: its death, its forks, its threads, its descriptors, its output.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "pool_fixture.hpp"
#include "processes.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class PoolSurvival : public PoolTest {};

// What a task tells when it runs; its descriptors are the same in every process of the test.
int ready_descriptor = -1;

void tell() {
    if (::write(ready_descriptor, "x", 1) != 1) ::_exit(98);
}
void tell_and_sleep(int) {
    tell();
    sleep_for_ever();
}
void run_and_sleep(const std::string& command) {
    const std::string tells = "printf x > /dev/fd/" + std::to_string(ready_descriptor);
    static_cast<void>(std::system((command + " & " + tells + "; sleep 1000").c_str()));
    sleep_for_ever();
}

// With what is to be gone afterwards; `all` are as many bytes as there are to be told.
class Doomed {
  public:
    template <class Body>
    Doomed(std::size_t told, Body body) {
        ready_descriptor = ready.write.get();
        pid = middle([&] {
            ::setpgid(0, 0);
            // Programs that tasks start have the descriptors, too.
            for (const auto* pipe : {&ready, &alive}) ::fcntl(pipe->write.get(), F_SETFD, 0);
            body();
            sleep_for_ever();
        });
        for (std::size_t i = 0; i < told; ++i) EXPECT_TRUE(ready.get());
    }
    void kill_and_wait_for_all() {
        ::kill(pid, SIGKILL);
        EXPECT_EQ(exit_status(pid), -SIGKILL);
        alive.wait_until_all_are_gone();
    }

    BlockingPipe ready;
    BlockingPipe alive;
    pid_t pid = -1;
};

TEST_F(PoolSurvival, BusyAndIdleWorkersEndWithTheProgram) {
    Doomed doomed(3, [] {
        Pool busy(3);
        Pool idle(2);
        idle.map(twice, std::views::iota(0, 100));
        busy.map(tell_and_sleep, std::views::iota(0, 10));
    });
    doomed.kill_and_wait_for_all();
}

// What the program does with a signal is its own affair: a handler that ran in the zygote as well would, at best, do
// everything twice.
TEST_F(PoolSurvival, ASignalToTheGroupWhileThePoolStartsIsHandledByTheProgramAlone) {
    static const pid_t program = ::getpid();
    auto before = ::signal(SIGINT, [](int) {
        if (::getpid() != program) ::_exit(96);
    });
    {
        SignalAtBirth interrupt(SIGINT);
        Pool pool(2);
        EXPECT_EQ(pool.map(twice, std::views::iota(0, 3)), (std::vector{0, 2, 4}));
    }
    ::signal(SIGINT, before);
}

TEST_F(PoolSurvival, NestedPoolsEndWithTheProgram) {
    Doomed doomed(4, [] {
        Pool outer(2);
        outer.map(
            [](int) {
                Pool inner(2);
                inner.map(tell_and_sleep, std::views::iota(0, 10));
            },
            std::views::iota(0, 2));
    });
    doomed.kill_and_wait_for_all();
}

TEST_F(PoolSurvival, WhatTasksHaveStartedEndsWithTheProgram) {
    Doomed doomed(3, [] {
        Pool pool(3);
        pool.map(run_and_sleep,
                 std::vector<std::string>{"sleep 1000", "setsid sleep 1000", "nohup sleep 1000 >/dev/null 2>&1"});
    });
    doomed.kill_and_wait_for_all();
}

TEST_F(PoolSurvival, AForkedMapEndsWithTheProgram) {
    Doomed doomed(2, [] { haid::map(tell_and_sleep, std::views::iota(0, 10), {.workers = 2}); });
    doomed.kill_and_wait_for_all();
}

TEST_F(PoolSurvival, EndingAPoolEndsWhatItsTasksHaveStarted) {
    Doomed doomed(2, [] {
        Pool pool(2);
        auto later = pool.map_async(run_and_sleep, std::vector<std::string>{"sleep 1000", "setsid sleep 1000"});
        while (shared->counters[0] == 0) std::this_thread::sleep_for(1ms);
        pool.terminate();
        ::_exit(5);
    });
    shared->counters[0] = 1;
    EXPECT_EQ(exit_status(doomed.pid), 5);
    doomed.alive.wait_until_all_are_gone();
}

// The processes around the pool's are not its own to end.
TEST_F(PoolSurvival, TerminateHitsNobodyElse) {
    BlockingPipe ready;
    ready_descriptor = ready.write.get();
    const pid_t program = middle([&] {
        ::setpgid(0, 0);
        const pid_t neighbour = ::fork();  // as a shell's pipeline has them
        if (neighbour == 0) sleep_for_ever();
        for (int round = 0; round < 3; ++round) {
            Pool pool(2);
            auto later = pool.map_async(tell_and_sleep, std::views::iota(0, 5));
            for (int i = 0; i < 2; ++i) EXPECT_TRUE(ready.get());
            if (round == 0) pool.terminate();
        }
        EXPECT_EQ(::waitpid(neighbour, nullptr, WNOHANG), 0);
        ::kill(neighbour, SIGKILL);
    });
    EXPECT_EQ(exit_status(program), 0);
}

TEST_F(PoolSurvival, AKilledZygoteIsAnErrorOfTheCalls) {
    for (bool running : {false, true}) {
        Pool pool(2);
        const pid_t zygote = pool.apply([] { return ::getppid(); });
        ASSERT_NE(zygote, ::getpid());
        if (running) {
            auto later = pool.map_async(
                [](int) {
                    ++shared->counters[0];
                    sleep_for_ever();
                },
                up_to(10));
            while (shared->counters[0] < 2) std::this_thread::sleep_for(1ms);
            ::kill(zygote, SIGKILL);
            EXPECT_THROW(later.get(), Error);
        } else {
            ::kill(zygote, SIGKILL);
            // Until the workers have died with it, they may still be quick enough.
            EXPECT_THROW(for (;;) pool.apply(twice, 1), Error);
        }
        EXPECT_THROW(pool.map(twice, up_to(1000)), Error);
        EXPECT_THROW(pool.apply(twice, 1), Error);
        EXPECT_THROW(pool.apply_async(twice, std::tuple{1}).get(), Error);
        EXPECT_THROW(
            {
                auto imap = pool.imap(twice, up_to(1000));
                while (imap.next()) {
                }
            },
            Error);
    }
}

TEST_F(PoolSurvival, AForkedChildHasNoPool) {
    auto pool = std::make_unique<Pool>(2);
    auto later = pool->apply_async(twice, std::tuple{5});
    auto imap = pool->imap(twice, up_to(100));
    ASSERT_TRUE(imap.next());
    const pid_t child = middle([&] {
        EXPECT_THROW(pool->apply(twice, 1), Error);
        EXPECT_THROW(pool->map(twice, up_to(3)), Error);
        EXPECT_THROW(later.get(), Error);
        EXPECT_THROW(pool->close(), Error);
        EXPECT_THROW(while (imap.next()){}, Error);
        pool.reset();
        Pool own(1);
        EXPECT_EQ(own.apply(twice, 4), 8);
    });
    EXPECT_EQ(exit_status(child), 0);
    EXPECT_EQ(later.get(), 10);
    for (int i = 1; i < 100; ++i) ASSERT_EQ(**imap.next(), 2 * i);
    EXPECT_EQ(pool->map(twice, up_to(3)), (std::vector{0, 2, 4}));
}

TEST_F(PoolSurvival, AmongThreadsThatAllocateAndPrint) {
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    std::FILE* nowhere = std::fopen("/dev/null", "w");
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            while (!stop) {
                std::vector<std::string> texts(20, std::string(500, 'x'));
                std::fprintf(nowhere, "%zu %s\n", texts.size(), texts[3].c_str());
            }
        });
    }
    for (int round = 0; round < 30; ++round) {
        Pool pool(2);
        auto prints = [](int value) { return std::to_string(value) + std::string(300, 'y'); };
        ASSERT_EQ(pool.map(prints, up_to(50)).size(), 50U);
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    std::fclose(nowhere);
}

TEST_F(PoolSurvival, FourThreadsShareOne) {
    auto fails_at_seven = [](int value) {
        if (value % 100 == 7) throw std::runtime_error("seven");
        return 2 * value;
    };
    Pool pool(2);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int round = 0; round < 15; ++round) {
                EXPECT_EQ(pool.map(twice, up_to(300)).back(), 598);
                EXPECT_EQ(pool.apply(twice, t), 2 * t);
                int sum = 0;
                for (auto& result : pool.imap_unordered(twice, up_to(100))) sum += *result;
                EXPECT_EQ(sum, 9900);
                EXPECT_THROW(pool.map(fails_at_seven, up_to(50)), std::runtime_error);
                EXPECT_EQ(pool.map_async(twice, up_to(10)).get().back(), 18);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_F(PoolSurvival, SharedByTheFunctionsOfAThreadPool) {
    Pool processes(2);
    ThreadPool threads(4);
    auto sums = threads.map(
        [&](int end) {
            int sum = 0;
            for (int value : processes.map(twice, std::views::iota(0, end))) sum += value;
            return sum;
        },
        up_to(40));
    for (int end = 0; end < 40; ++end) EXPECT_EQ(sums.at(static_cast<std::size_t>(end)), end * (end - 1));
}

TEST_F(PoolSurvival, PoolsInPools) {
    auto sum_of = [](int end) {
        Pool inner(2);
        int sum = 0;
        for (int value : inner.map(twice, std::views::iota(0, end))) sum += value;
        return sum + haid::map([&](int value) { return value + end; }, std::vector{1}).front();
    };
    Pool outer(2);
    const std::vector<int> sums = outer.map(sum_of, up_to(12));
    for (int end = 0; end < 12; ++end) EXPECT_EQ(sums.at(static_cast<std::size_t>(end)), end * (end - 1) + 1 + end);
}

TEST_F(PoolSurvival, OutputIsWholeAndThere) {
    std::string name = testing::TempDir() + "pool_output_XXXXXX";
    const int file = ::mkstemp(name.data());
    ASSERT_GE(file, 0);
    ::fcntl(file, F_SETFL, O_APPEND);
    auto prints = [](int value) {
        if (value % 2 == 0) std::printf("task %d prints\n", value);
        if (value % 2 == 1) std::cout << "task " << value << " prints\n";
        return value;
    };
    const pid_t program = middle([&] {
        ::dup2(file, STDOUT_FILENO);
        std::printf("before\n");
        Pool pool(2);
        EXPECT_EQ(pool.map(prints, up_to(200)).size(), 200U);
        haid::map(prints, std::views::iota(200, 400));
        for (auto& result : pool.imap(prints, std::views::iota(400, 410))) {
            // What a task has printed is there before its result.
            std::ifstream so_far(name);
            const std::string text(std::istreambuf_iterator<char>(so_far), {});
            EXPECT_NE(text.find("task " + std::to_string(*result) + " prints\n"), std::string::npos) << *result;
        }
    });
    EXPECT_EQ(exit_status(program), 0);
    std::multiset<std::string> lines;
    std::ifstream written(name);
    for (std::string line; std::getline(written, line);) lines.insert(line);
    EXPECT_EQ(lines.size(), 411U);
    EXPECT_EQ(lines.count("before"), 1U);
    for (int i = 0; i < 410; ++i) EXPECT_EQ(lines.count("task " + std::to_string(i) + " prints"), 1U) << i;
    ::close(file);
    ::unlink(name.c_str());
}

TEST_F(PoolSurvival, FewDescriptorsAreEnough) {
    const pid_t program = middle([&] {
        const rlimit few{64, 64};
        ::setrlimit(RLIMIT_NOFILE, &few);
        Pool pool(8);
        EXPECT_EQ(pool.map(twice, up_to(1000)).back(), 1998);
        EXPECT_EQ(haid::map(twice, up_to(1000), {.workers = 8}).back(), 1998);
#ifndef __SANITIZE_ADDRESS__  // it takes descriptors itself
        // And none at all are an error.
        std::vector<int> taken;
        for (int fd; (fd = ::dup(0)) >= 0;) taken.push_back(fd);
        EXPECT_THROW(Pool(2), std::system_error);
        EXPECT_EQ(pool.map(twice, up_to(1000)).back(), 1998);
#endif
    });
    EXPECT_EQ(exit_status(program), 0);
}

// ulimit -f: whoever makes a file longer is killed, memory files too.
TEST_F(PoolSurvival, WhereFilesMayNotBeLongAPoolIsSmallerOrSaysSo) {
    const pid_t program = middle([] {
        auto allow = [](rlim_t longest) {
            const rlimit limit{longest, RLIM_INFINITY};
            ::setrlimit(RLIMIT_FSIZE, &limit);
        };
        allow(rlim_t{100} << 20);
        Pool pool(2);
        expect_works(pool);
        allow(100'000);
        try {
            Pool refused(2);
            ADD_FAILURE() << "a pool without the room for it";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code().value(), EFBIG);
            EXPECT_NE(std::string(error.what()).find("ulimit -f"), std::string::npos) << error.what();
        }
    });
    EXPECT_EQ(exit_status(program), 0);
}

// Their ends are told faster than anybody hears of them.
TEST_F(PoolSurvival, AsManyWorkersAsTheirMachineBearsEndWithTheirPool) {
    Pool pool({.workers = 600, .initializer = [] {}});  // each of them is started: it has something to do
    EXPECT_EQ(pool.map(twice, up_to(1000)).back(), 1998);
    pool.close();
    pool.join();
}

int close_all(int value) {
    for (int descriptor = 3; descriptor < 1000; ++descriptor) ::close(descriptor);
    return value;
}

// By which it would have woken whoever waits.
TEST_F(PoolSurvival, ATaskMayCloseAllDescriptors) {
    Pool pool(2);
    for (int round = 0; round < 10; ++round) {
        EXPECT_EQ(pool.map(close_all, up_to(4)), up_to(4));
        EXPECT_EQ(pool.map_async(close_all, up_to(4)).get(), up_to(4));
        EXPECT_EQ(haid::map(close_all, up_to(4), {.workers = 2}), up_to(4));
    }
    expect_works(pool);
}

}  // namespace
}  // namespace haid
