// ThreadPool, which has what Pool has. Stays in one process: the thread sanitizer runs it, too.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "haid/pool.hpp"
#include "heard.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

struct Mine : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class ThreadPools : public PoolTest {};

TEST_F(ThreadPools, HaveTheSameMembers) {
    ThreadPool pool(3);
    EXPECT_EQ(pool.workers(), 3);
    const int offset = 7;
    auto add = [&](int value) { return value + offset; };
    auto multiply = [](int a, int b) { return a * b; };
    for (std::size_t chunk : {std::size_t{0}, std::size_t{7}, std::size_t{1000}}) {
        const CallOptions options{.chunk_size = chunk};
        EXPECT_EQ(pool.map(add, up_to(300), options).back(), 306);
        EXPECT_EQ(pool.starmap(multiply, std::vector{std::pair{2, 3}, {4, 5}}, options), (std::vector{6, 20}));
        EXPECT_EQ(pool.map_results(add, up_to(20), options).at(4).value(), 11);
        EXPECT_EQ(pool.starmap_results(multiply, std::vector{std::tuple{2, 3}}, options).at(0).value(), 6);
        int next = 0;
        for (auto& result : pool.imap(add, up_to(200), options)) EXPECT_EQ(*result, 7 + next++);
        EXPECT_EQ(next, 200);
        std::set<int> seen;
        for (auto& result : pool.imap_unordered(add, up_to(200), options)) seen.insert(*result);
        EXPECT_EQ(seen.size(), 200U);
        EXPECT_EQ(pool.map_async(add, up_to(20), options).get().at(3), 10);
        EXPECT_TRUE(pool.map(add, std::vector<int>{}, options).empty());
    }
    EXPECT_EQ(pool.apply(multiply, 6, 7), 42);
    EXPECT_EQ(pool.apply_async(multiply, std::tuple{6, 7}).get(), 42);
    EXPECT_EQ(pool.starmap_async(multiply, std::vector{std::pair{2, 3}}).get().at(0), 6);
}

TEST_F(ThreadPools, NothingIsCopied) {
    std::vector<std::unique_ptr<int>> items;
    for (int i = 0; i < 50; ++i) items.push_back(std::make_unique<int>(i));
    std::atomic<int> sum{0};
    ThreadPool pool(2);
    pool.map(
        [&](const std::unique_ptr<int>& item) {
            sum += *item;
            *item = -1;
        },
        items);
    EXPECT_EQ(sum, 1225);
    for (const auto& item : items) EXPECT_EQ(*item, -1);
    auto made = pool.map([](int value) { return std::make_unique<int>(value); }, up_to(10));
    EXPECT_EQ(*made.at(9), 9);
}

TEST_F(ThreadPools, FunctionsMayChangeTheItems) {
    ThreadPool pool(2);
    auto doubles = [](int& value) { return value *= 2; };
    std::vector<int> items{1, 2, 3, 4};
    EXPECT_EQ(pool.map(doubles, items), (std::vector{2, 4, 6, 8}));
    EXPECT_EQ(items, (std::vector{2, 4, 6, 8}));
    auto small = items | std::views::filter([](int value) { return value < 5; });
    EXPECT_EQ(pool.map_results(doubles, small).size(), 2U);
    pool.map_async(doubles, small).get();
    EXPECT_EQ(items, (std::vector{8, 8, 6, 8}));
    for (auto& result : pool.imap(doubles, items)) EXPECT_TRUE(result);
    EXPECT_EQ(items, (std::vector{16, 16, 12, 16}));
    // What a range makes is the task's own.
    EXPECT_EQ(pool.map(doubles, std::views::iota(1, 4)), (std::vector{2, 4, 6}));
    std::vector<std::tuple<int, int>> pairs{{1, 2}, {3, 4}};
    pool.starmap([](int& a, const int& b) { a += b; }, pairs);
    EXPECT_EQ(pairs, (std::vector<std::tuple<int, int>>{{3, 2}, {7, 4}}));
    EXPECT_EQ(pool.apply(doubles, 4), 8);
    EXPECT_EQ(pool.apply_async(doubles, std::tuple{4}).get(), 8);
}

TEST_F(ThreadPools, ExceptionsAreTheVeryObjects) {
    auto fails = [](int value) {
        if (value == 3) throw Mine("three");
        if (value == 5) throw 42;
        return value;
    };
    ThreadPool pool(2);
    EXPECT_THROW(pool.map(fails, up_to(4)), Mine);
    EXPECT_THROW(pool.apply(fails, 5), int);
    auto results = pool.map_results(fails, up_to(10));
    ASSERT_EQ(results.size(), 10U);
    for (auto& result : results) EXPECT_EQ(result.has_value(), result.index() != 3 && result.index() != 5);
    EXPECT_EQ(results[3].what(), "three");
    auto flaky = [count = std::make_shared<std::atomic<int>>(0)](int value) {
        if (++*count < 3) throw Mine("not yet");
        return value;
    };
    EXPECT_EQ(pool.apply({.retries = 2, .backoff = 1ms}, flaky, 4), 4);
    EXPECT_THROW(ThreadPool({.workers = 2, .initializer = [] { throw Mine("no"); }}).map(twice, up_to(100)), Mine);
}

// A thread does other items while one waits for its retry.
TEST_F(ThreadPools, PausesBeforeRetriesHoldUpNobody) {
    ThreadPool alone(1);
    std::atomic<bool> other{false};
    auto after_the_other = [&](int value) {
        if (value == 1) other = true;
        if (!other) throw Mine("the other one first");
        return value;
    };
    const CallOptions again_and_again{.retries = 40, .backoff = 1ms};
    EXPECT_EQ(alone.map(after_the_other, up_to(2), again_and_again), up_to(2));
    other = false;
    EXPECT_EQ(alone.map(after_the_other, up_to(2), {.chunk_size = 2, .retries = 40, .backoff = 1ms}), up_to(2));
    // Nor the thread's own, where it waits for them.
    other = false;
    EXPECT_EQ(alone.apply([&] { return alone.map(after_the_other, up_to(2), again_and_again); }), up_to(2));
}

TEST_F(ThreadPools, WhatIsGivenUpWaitsForNoRetry) {
    ThreadPool pool(2);
    std::atomic<int> failures{0};
    auto fails = [&](int) -> int {
        ++failures;
        throw Mine("no");
    };
    const CallOptions in_an_hour{.retries = 1, .backoff = 1h};
    auto later = pool.map_async(fails, up_to(2), in_an_hour);
    while (failures < 2) std::this_thread::sleep_for(1ms);
    pool.terminate();
    pool.join();
    EXPECT_THROW(later.get(), PoolClosed);
    EXPECT_EQ(failures, 2);
}

TEST_F(ThreadPools, ThatCannotTakeAResultEndItsCall) {
    struct Refuses : detail::AllResults<int> {
        using AllResults::AllResults;
        void put(const Result<int>&) { throw Mine("no room"); }
    };
    const auto engine = detail::Engine::of_threads({.workers = 2});
    Heard heard;
    EXPECT_THROW((map_heard<false, Refuses>(*engine, twice, up_to(100), {}, heard)), Mine);
    EXPECT_TRUE(heard.of.empty());
}

TEST_F(ThreadPools, EndingsAreHeard) {
    const auto engine = detail::Engine::of_threads({.workers = 3});
    detail::Limits limits;
    limits.retries = 2;
    limits.backoff = 1ms;
    for (std::uint32_t chunk_size : {0U, 7U}) {
        Heard heard;
        limits.chunk_size = chunk_size;
        shared->counters[0] = 0;
        auto fails_at_three_and_five = [](int value) {
            if (value == 5 || (value == 3 && ++shared->counters[0] <= 2)) throw Mine("no");
            return value;
        };
        const auto results = map_heard<false>(*engine, fails_at_three_and_five, up_to(20), limits, heard);
        heard.expect_whole(20);
        EXPECT_EQ(heard.of[3].size(), 3U);
        EXPECT_FALSE(heard.of[3].back().failed);
        EXPECT_EQ(heard.of[5].size(), 3U);
        EXPECT_EQ(heard.of[5].back().error, results.at(5).error());
        for (const auto& [item, attempts] : heard.of) {
            EXPECT_GE(attempts.back().worker, 0);
            EXPECT_LT(attempts.back().worker, 3);
            EXPECT_GT(attempts.back().took, 0ns);
        }
    }
}

TEST_F(ThreadPools, ATimeLimitIsRefused) {
    ThreadPool pool(2);
    const CallOptions limited{.timeout = 1s};
    EXPECT_THROW(pool.map(twice, up_to(3), limited), std::invalid_argument);
    EXPECT_THROW(pool.imap(twice, up_to(3), limited), std::invalid_argument);
    EXPECT_THROW(pool.map_async(twice, up_to(3), limited), std::invalid_argument);
    EXPECT_EQ(pool.apply(twice, 4), 8);
}

TEST_F(ThreadPools, ImapReadsNoFurtherAheadThanItsBuffer) {
    int read = 0;
    auto numbers = std::views::iota(0) | std::views::transform([&](int value) {
                       ++read;
                       return value;
                   });
    ThreadPool pool(2);
    auto imap = pool.imap_unordered(twice, numbers, {.buffer_size = 5});
    for (int taken = 0; taken < 300; ++taken) {
        ASSERT_TRUE(imap.next());
        ASSERT_LE(read - taken, 5);
    }
    EXPECT_THROW(pool.imap([](int) { std::this_thread::sleep_for(20ms); }, up_to(1)).next_for(1us), TimeoutError);
}

TEST_F(ThreadPools, CallbacksAreCalled) {
    std::atomic<int> sum{0};
    std::atomic<int> errors{0};
    {
        ThreadPool pool(2);
        for (int i = 1; i <= 100; ++i) {
            pool.apply_async(twice, std::tuple{i}, {}, [&](int value) { sum += value; });
            pool.apply_async([](int) { throw Mine("no"); }, std::tuple{i}, {}, [] {},
                             [&](std::exception_ptr) { ++errors; });
        }
        pool.close();
        EXPECT_THROW(pool.apply(twice, 1), PoolClosed);
        pool.join();
    }
    EXPECT_EQ(sum, 10100);
    EXPECT_EQ(errors, 100);
}

TEST_F(ThreadPools, TerminateWaitsForWhatRunsAndDropsTheRest) {
    std::atomic<int> begun{0};
    std::atomic<bool> go{false};
    ThreadPool pool(2);
    auto later = pool.map_async(
        [&](int value) {
            ++begun;
            while (!go) std::this_thread::sleep_for(1ms);
            return value;
        },
        up_to(50));
    while (begun < 2) std::this_thread::sleep_for(1ms);
    pool.terminate();
    go = true;
    pool.join();
    EXPECT_THROW(later.get(), PoolClosed);
    EXPECT_EQ(begun, 2);
}

TEST_F(ThreadPools, ProgressCountsToTheTotal) {
    ThreadPool pool(2);
    std::size_t last = 0;
    pool.map(twice, up_to(100), {.progress = [&](std::size_t done, std::optional<std::size_t> total) {
                 EXPECT_GT(done, last);
                 EXPECT_EQ(total, 100U);
                 last = done;
                 EXPECT_EQ(pool.apply(twice, 2), 4);
             }});
    EXPECT_EQ(last, 100U);
}

TEST_F(ThreadPools, MayBeUsedByTheirOwnFunctions) {
    ThreadPool pool(2);
    auto sums = pool.map([&](int end) { return pool.map(twice, std::views::iota(0, end)).size(); }, up_to(10));
    EXPECT_EQ(sums.at(9), 9U);
    ThreadPool alone(1);
    EXPECT_EQ(alone.apply([&] { return alone.map(twice, std::vector<int>()).size(); }), 0U);
}

}  // namespace
}  // namespace haid
