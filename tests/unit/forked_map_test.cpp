// haid::map, which forks at the call.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "haid/map.hpp"
#include "pool_fixture.hpp"
#include "processes.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class ForkedMap : public PoolTest {};

TEST_F(ForkedMap, HasWhateverTheFunctionCaptures) {
    std::map<int, std::string> table;
    for (int i = 0; i < 300; ++i) table[i] = "text " + std::to_string(i);
    for (int workers : {0, 1, 2, 5}) {
        MapOptions options;
        options.workers = workers;
        for (std::size_t chunk : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
            options.chunk_size = chunk;
            const auto texts = haid::map([&](int value) { return table.at(value); }, up_to(300), options);
            for (int i = 0; i < 300; ++i) ASSERT_EQ(texts.at(static_cast<std::size_t>(i)), table[i]);
        }
    }
    int changed = 0;
    haid::map([&](int) { ++changed; }, up_to(10));
    EXPECT_EQ(changed, 0);
    EXPECT_EQ(haid::starmap([&](int a, int b) { return a * b; }, std::vector{std::tuple{2, 3}}), std::vector{6});
}

int kill_at_two(int value) {
    if (value == 2) ::raise(SIGKILL);
    return value;
}

void expect_lost_without_a_reason() {
    expect_thrown<WorkerLost>(
        [] {
            haid::map(kill_at_two, std::vector{1, 2, 3}, {.workers = 1});
        },
        [](const WorkerLost& lost) {
            EXPECT_EQ(lost.exit_code(), WorkerLost::unknown_exit);
            EXPECT_EQ(lost.signal(), 0);
            EXPECT_EQ(lost.task(), 1U);
            EXPECT_NE(std::string(lost.what()).find("nobody knows how"), std::string::npos) << lost.what();
        });
    EXPECT_EQ(haid::map(twice, std::vector{0, 1, 2}), (std::vector{0, 2, 4}));
    EXPECT_THROW(haid::map([](int) { std::this_thread::sleep_for(20s); }, std::vector{1}, {.timeout = 30ms}),
                 TimeoutError);
}

// Who else reaps the workers knows how they ended, and nobody tells us.
TEST_F(ForkedMap, SaysNotHowAWorkerEndedWhereNobodyKnows) {
    ::signal(SIGCHLD, SIG_IGN);
    expect_lost_without_a_reason();
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    standard.sa_flags = SA_NOCLDWAIT;
    ::sigaction(SIGCHLD, &standard, nullptr);
    expect_lost_without_a_reason();
    ::signal(SIGCHLD, [](int) {
        const int error = errno;
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        errno = error;
    });
    expect_lost_without_a_reason();
    ::signal(SIGCHLD, SIG_DFL);
}

TEST_F(ForkedMap, TakesAnyInput) {
    const auto add = [](int value) { return value + 1; };
    const std::vector<int> expected{2, 3, 4};
    EXPECT_EQ(haid::map(add, std::list<int>{1, 2, 3}), expected);
    EXPECT_EQ(haid::map(add, std::forward_list<int>{1, 2, 3}), expected);
    std::istringstream text("1 2 3");
    EXPECT_EQ(haid::map(add, std::ranges::istream_view<int>(text)), expected);
    EXPECT_EQ(haid::map(add, std::views::iota(1, 4)), expected);
    const int array[] = {1, 2, 3};
    EXPECT_EQ(haid::map(add, array), expected);
    EXPECT_TRUE(haid::map(add, std::vector<int>{}).empty());
    EXPECT_TRUE(haid::map(add, std::list<int>{}).empty());
    EXPECT_EQ(haid::map([](bool value) { return !value; }, std::vector<bool>{true, false}),
              (std::vector<bool>{false, true}));
    std::vector<std::unique_ptr<int>> pointers;
    pointers.push_back(std::make_unique<int>(5));
    EXPECT_EQ(haid::map([](const auto& pointer) { return *pointer; }, pointers), std::vector{5});
}

TEST_F(ForkedMap, ForEachIsForItsEffects) {
    haid::for_each([offset = 1](int value) { shared->counters[0] += value + offset; }, up_to(100));
    EXPECT_EQ(shared->counters[0], 4950 + 100);
    haid::for_each([](int) { return std::this_thread::get_id(); }, up_to(3));
    haid::for_each([](int) {}, std::vector<int>{});
    EXPECT_THROW(haid::for_each([](int) { throw std::out_of_range("no"); }, up_to(3)), std::out_of_range);
}

TEST_F(ForkedMap, HasTheOptionsOfACall) {
    MapOptions options;
    options.workers = 2;
    options.timeout = 300ms;
    EXPECT_THROW(haid::map([](int) { sleep_for_ever(); }, up_to(2), options), TimeoutError);
    options.timeout = 0s;
    options.retries = 1;
    options.backoff = 1ms;
    auto dies_once = [](int value) {
        if (value == 1 && shared->counters[0]++ == 0) die(Way::kill);
        return value;
    };
    EXPECT_EQ(haid::map(dies_once, up_to(3), options), (std::vector{0, 1, 2}));
    std::size_t last = 0;
    options.progress = [&](std::size_t done, std::optional<std::size_t> total) {
        EXPECT_EQ(total, 100U);
        EXPECT_EQ(haid::map(twice, up_to(2)), (std::vector{0, 2}));
        last = done;
    };
    haid::map(twice, up_to(100), options);
    EXPECT_EQ(last, 100U);
}

TEST_F(ForkedMap, InItselfAndInThreads) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "a lock of the sanitizer's allocator that another thread holds at a fork stays locked in the child";
#endif
    const int offset = 3;
    auto outer = [&](int end) {
        int sum = 0;
        for (int value : haid::map([&](int i) { return i + end + offset; }, up_to(4))) sum += value;
        return sum;
    };
    const std::vector<int> sums = haid::map(outer, up_to(10));
    for (int end = 0; end < 10; ++end) EXPECT_EQ(sums.at(static_cast<std::size_t>(end)), 6 + 4 * (end + offset));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int round = 0; round < 5; ++round) EXPECT_EQ(haid::map(outer, up_to(5)).at(2), 26);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

}  // namespace
}  // namespace haid
