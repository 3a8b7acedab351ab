// ThreadPool, which has what Pool has, and haid::map, which forks at the call.
#include <gtest/gtest.h>

#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "pool_fixture.hpp"
#include "processes.hpp"

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

TEST_F(ThreadPools, UsePoolsInTheirFunctions) {
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

TEST_F(ThreadPools, MayBeUsedByTheirOwnFunctions) {
    ThreadPool pool(2);
    auto sums = pool.map([&](int end) { return pool.map(twice, std::views::iota(0, end)).size(); }, up_to(10));
    EXPECT_EQ(sums.at(9), 9U);
    ThreadPool alone(1);
    EXPECT_EQ(alone.apply([&] { return alone.map(twice, std::vector<int>()).size(); }), 0U);
}

// -- map

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
