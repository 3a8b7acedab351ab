// What a call may ask for, and the sizes and numbers that it may have to do with.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "haid/pool.hpp"
#include "pool_fixture.hpp"
#include "processes.hpp"

namespace haid {

// Some of it does not decode.
struct Fragile {
    int value = 0;
};
template <>
struct Codec<Fragile> {
    static void encode(Encoder& to, const Fragile& value) { haid::encode(to, value.value); }
    static Fragile decode(Decoder& from) {
        Fragile value{haid::decode<int>(from)};
        if (value.value == 13) throw DecodeError("thirteen is no value");
        return value;
    }
};

namespace {

using namespace std::chrono_literals;

class PoolLimits : public PoolTest {};

// -- time limits, retries, giving up

TEST_F(PoolLimits, ATimeoutEndsItsItemOnly) {
    auto stuck = [](int value) {
        if (value == 7) sleep_for_ever();
        return 2 * value;
    };
    Pool pool(2);
    for (std::size_t chunk : {std::size_t{0}, std::size_t{1000}}) {
        auto results = pool.map_results(stuck, up_to(30), {.chunk_size = chunk, .timeout = 700ms});
        ASSERT_EQ(results.size(), 30U);
        for (auto& result : results) {
            if (result.index() == 7) {
                expect_thrown<TimeoutError>(
                    [&] { result.value(); },
                    [](const TimeoutError& error) { EXPECT_STREQ(error.what(), "task 7 took longer than 0.7 s"); });
            } else {
                ASSERT_TRUE(result) << result.what();
                EXPECT_EQ(*result, 2 * static_cast<int>(result.index()));
            }
        }
    }
    EXPECT_THROW(pool.apply({.timeout = 100ms}, stuck, 7), TimeoutError);
    EXPECT_EQ(pool.apply(stuck, 8), 16);
}

TEST_F(PoolLimits, AnItemThatWasTooSlowIsTriedAgain) {
    auto slow_once = [](int value) {
        if (value == 3 && shared->counters[0]++ == 0) sleep_for_ever();
        return 2 * value;
    };
    Pool pool(2);
    EXPECT_EQ(pool.map(slow_once, up_to(5), {.timeout = 700ms, .retries = 3, .backoff = 1ms}),
              (std::vector{0, 2, 4, 6, 8}));
    EXPECT_EQ(shared->counters[0], 2);
}

TEST_F(PoolLimits, EachRetryWaitsTwiceAsLong) {
    auto fails = [](int) {
        shared->times[shared->counters[0]++] = std::chrono::steady_clock::now().time_since_epoch().count();
        throw std::runtime_error("again");
    };
    Pool pool(2);
    EXPECT_THROW(pool.map(fails, up_to(1), {.retries = 3, .backoff = 20ms}), std::runtime_error);
    ASSERT_EQ(shared->counters[0], 4);
    for (int i = 0; i < 3; ++i) {
        EXPECT_GE(std::chrono::nanoseconds(shared->times[i + 1] - shared->times[i]), 20ms * (1 << i));
    }
}

// The worker has told of this item before: its death is one of the second try all the same.
TEST_F(PoolLimits, ATryThatEndsTheWorkerIsTriedAgain) {
    auto third_time = [](std::string path) {
        std::ofstream(path, std::ios::app) << 'x';
        std::ifstream file(path);
        const std::string tries(std::istreambuf_iterator<char>(file), {});
        if (tries.size() == 1) throw std::runtime_error("once more");
        if (tries.size() == 2) ::raise(SIGKILL);
        return static_cast<int>(tries.size());
    };
    const std::string path = ::testing::TempDir() + "tries." + std::to_string(::getpid());
    Pool pool(1);
    for (int round = 0; round < 20; ++round) {
        ::unlink(path.c_str());
        EXPECT_EQ(pool.map(third_time, std::vector{path}, {.retries = 2, .backoff = 0ms}), (std::vector{3}));
    }
    ::unlink(path.c_str());
}

TEST_F(PoolLimits, ItemsThatHaveNotBegunAreGivenUpUnlessTheyAreToBeKept) {
    auto first_fails = [](int value) {
        ++shared->counters[0];
        if (value == 0) throw std::out_of_range("the first");
        return value;
    };
    Pool pool(1);
    EXPECT_THROW(pool.map(first_fails, up_to(20'000), {.chunk_size = 1}), std::out_of_range);
    EXPECT_LT(shared->counters[0], 20'000);
    shared->counters[0] = 0;
    EXPECT_THROW(pool.map(first_fails, up_to(2'000), {.keep_going = true}), std::out_of_range);
    EXPECT_EQ(shared->counters[0], 2'000);
    EXPECT_EQ(pool.apply(twice, 4), 8);
}

// -- progress

TEST_F(PoolLimits, ProgressCountsToTheTotal) {
    auto some_fail = [](int value) {
        if (value % 10 == 3) throw std::runtime_error("three");
        return value;
    };
    Pool pool(2);
    std::size_t last = 0;
    auto progress = [&](std::size_t done, std::optional<std::size_t> total) {
        EXPECT_GT(done, last);
        EXPECT_EQ(total, 500U);
        last = done;
    };
    pool.map(twice, up_to(500), {.progress = progress});
    EXPECT_EQ(last, 500U);
    last = 0;
    pool.map_results(some_fail, up_to(500), {.progress = progress});
    EXPECT_EQ(last, 500U);
}

TEST_F(PoolLimits, ProgressMayUseThePool) {
    Pool pool(2);
    for (int round = 0; round < 20; ++round) {
        std::size_t last = 0;
        pool.map(twice, up_to(5), {.chunk_size = 1, .progress = [&](std::size_t done, auto) {
                                       last = done;
                                       EXPECT_EQ(pool.apply(twice, 21), 42);
                                   }});
        ASSERT_EQ(last, 5U);
    }
}

TEST_F(PoolLimits, WhatProgressThrowsEndsTheCall) {
    Pool pool(2);
    auto slowly = [](int value) {
        std::this_thread::sleep_for(1ms);
        return value;
    };
    const CallOptions options{.chunk_size = 1,
                              .progress = [](std::size_t, auto) { throw std::out_of_range("enough"); }};
    EXPECT_THROW(pool.map(slowly, up_to(100), options), std::out_of_range);
    EXPECT_THROW(pool.map_results(slowly, up_to(100), options), std::out_of_range);
    EXPECT_THROW(pool.apply(options, slowly, 1), std::out_of_range);
    EXPECT_EQ(pool.apply(twice, 4), 8);
}

// -- sizes

class PoolSizes : public PoolTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(PoolSizes, OfChunksAndInputs) {
    Pool pool(2);
    auto length = [](const std::string& text) { return text.size(); };
    for (int count : {0, 1, 6, 7, 8, 1000, 20'000}) {
        SCOPED_TRACE(count);
        const CallOptions options{.chunk_size = GetParam()};
        const std::vector<int> items = up_to(count);
        std::vector<int> expected;
        std::vector<std::string> texts;
        for (int i : items) {
            expected.push_back(2 * i);
            texts.emplace_back(static_cast<std::size_t>(i % 30), 'x');
        }
        EXPECT_EQ(pool.map(twice, items, options), expected);
        EXPECT_EQ(pool.map(twice, std::deque<int>(items.begin(), items.end()), options), expected);
        EXPECT_EQ(pool.map_results(twice, items, options).size(), items.size());
        EXPECT_EQ(pool.map_async(twice, items, options).get(), expected);
        std::vector<int> in_order;
        for (auto& result : pool.imap(twice, items, options)) in_order.push_back(*result);
        EXPECT_EQ(in_order, expected);
        std::map<std::size_t, int> unordered;
        for (auto& result : pool.imap_unordered(twice, items, options)) unordered[result.index()] = *result;
        EXPECT_EQ(unordered.size(), items.size());
        for (auto [index, value] : unordered) ASSERT_EQ(value, 2 * static_cast<int>(index));
        const std::vector<std::size_t> lengths = pool.map(length, texts, options);
        for (std::size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(lengths.at(i), texts[i].size());
        pool.map([](int) { ++shared->counters[0]; }, items, options);
        EXPECT_EQ(shared->counters[0].exchange(0), count);
    }
}

INSTANTIATE_TEST_SUITE_P(Each, PoolSizes, testing::Values(0, 1, 7, 1000, 10'000'000));

TEST_F(PoolLimits, ManyItems) {
    Pool pool(2);
    const std::vector<int> results = pool.map(twice, std::views::iota(0, 100'000));
    for (int i = 0; i < 100'000; ++i) ASSERT_EQ(results.at(static_cast<std::size_t>(i)), 2 * i);
}

TEST_F(PoolLimits, LargeValues) {
    auto reversed = [](std::string text) {
        std::reverse(text.begin(), text.end());
        return text;
    };
    Pool pool(2);
    const std::size_t mebi = std::size_t{1} << 20;
    for (std::size_t size : {std::size_t{1}, std::size_t{9}, std::size_t{300}, std::size_t{65'536}, mebi, 2 * mebi - 40,
                             2 * mebi, 4 * mebi, 20 * mebi}) {
        SCOPED_TRACE(size);
        std::vector<std::string> texts;
        for (char first : {'a', 'b', 'c'}) texts.push_back(first + std::string(size - 1, '.'));
        const std::vector<std::string> results = pool.map(reversed, texts);
        for (std::size_t i = 0; i < texts.size(); ++i) ASSERT_TRUE(results.at(i) == reversed(texts[i]));
        ASSERT_TRUE(pool.apply(reversed, texts[0]) == reversed(texts[0]));
    }
}

TEST_F(PoolLimits, ManyLargeValues) {
    auto parts = [](const std::vector<std::string>& from) {
        std::vector<std::string> all = from;
        all.push_back(std::to_string(from.size()));
        return all;
    };
    Pool pool(2);
    std::vector<std::vector<std::string>> items;
    for (std::size_t i = 0; i < 60; ++i)
        items.emplace_back(i % 7, std::string(700'000, static_cast<char>('a' + i % 26)));
    std::size_t next = 0;
    for (auto& result : pool.imap(parts, items)) {
        ASSERT_TRUE(result) << result.what();
        ASSERT_TRUE(*result == parts(items.at(next++)));
    }
    EXPECT_EQ(next, items.size());
    ASSERT_TRUE(pool.map(parts, items).at(59) == parts(items[59]));
}

// -- inputs and results that cannot be had

TEST_F(PoolLimits, AResultThatDoesNotDecodeIsItsItemsError) {
    Pool pool(2);
    for (std::size_t chunk : {std::size_t{1}, std::size_t{100}}) {
        SCOPED_TRACE(chunk);
        auto results = pool.map_results([](int value) { return Fragile{value}; }, up_to(50), {.chunk_size = chunk});
        ASSERT_EQ(results.size(), 50U);
        EXPECT_FALSE(results.at(13));
        EXPECT_NE(results.at(13).what().find("thirteen"), std::string::npos) << results.at(13).what();
        // Where the next one begins is known only if each came by itself.
        for (std::size_t i = 0; i < (chunk == 1 ? 50 : 13); ++i) {
            if (i != 13) {
                EXPECT_EQ(results.at(i)->value, static_cast<int>(i));
            }
        }
    }
    EXPECT_EQ(pool.apply(twice, 4), 8);
}

TEST_F(PoolLimits, AnInputThatThrowsIsThrown) {
    Pool pool(2);
    const std::vector<int> numbers = up_to(1000);
    auto bad = numbers | std::views::transform([](int value) {
                   if (value == 700) throw std::domain_error("no such input");
                   return value;
               });
    EXPECT_THROW(pool.map(twice, bad), std::domain_error);
    EXPECT_THROW(pool.map_results(twice, bad), std::domain_error);
    EXPECT_THROW(pool.map_async(twice, bad).get(), std::domain_error);
    for (bool in_order : {true, false}) {
        auto imap = in_order ? pool.imap(twice, bad) : pool.imap_unordered(twice, bad);
        EXPECT_THROW(while (imap.next()){}, std::domain_error);
    }
    EXPECT_EQ(pool.apply(twice, 4), 8);
}

template <class AnyPool>
void expect_inputs_may_use(AnyPool& pool, const std::vector<int>& numbers) {
    std::vector<int> expected;
    for (int value : numbers) expected.push_back(4 * value);
    auto inputs = numbers | std::views::transform([&](int value) { return pool.apply(twice, value); });
    EXPECT_EQ(pool.map(twice, inputs), expected);
    EXPECT_EQ(pool.map_results(twice, inputs).at(5).value(), 20);
    EXPECT_EQ(pool.map_async(twice, inputs).get(), expected);
    auto tuples = inputs | std::views::transform([](int value) { return std::tuple(value); });
    EXPECT_EQ(pool.starmap(twice, tuples), expected);
    EXPECT_EQ(pool.starmap_async(twice, tuples).get(), expected);
    std::vector<int> results;
    for (auto& result : pool.imap(twice, inputs)) results.push_back(*result);
    EXPECT_EQ(results, expected);
    // Of a range that is no view, and whose items are no objects.
    const std::vector<bool> flags(20, true);
    EXPECT_EQ(pool.map([](bool flag) { return !flag; }, flags), std::vector<bool>(20, false));
}

TEST_F(PoolLimits, AnInputMayUseThePool) {
    Pool processes(2);
    expect_inputs_may_use(processes, up_to(20));
    ThreadPool threads(2);
    expect_inputs_may_use(threads, up_to(20));
}

// What is gone when the line is over is copied by a call that nobody waits for.
template <class AnyPool>
void expect_copies(AnyPool& pool) {
    EXPECT_EQ(pool.map_async(twice, std::initializer_list<int>{1, 2}).get(), (std::vector{2, 4}));
    const std::initializer_list<int> named{3, 4};
    EXPECT_EQ(pool.map_async(twice, named).get(), (std::vector{6, 8}));
    EXPECT_EQ(pool.map(twice, std::initializer_list<int>{5, 6}), (std::vector{10, 12}));
}

TEST_F(PoolLimits, ItemsThatCannotBeMovedAreCopied) {
    Pool processes(1);
    expect_copies(processes);
    ThreadPool threads(1);
    expect_copies(threads);
}

// Items that are there already, chosen by what uses the pool, or reached through it.
template <class AnyPool, class Inputs>
void expect_choice_may_use(AnyPool& pool, Inputs inputs, const std::vector<int>& expected) {
    EXPECT_EQ(pool.map(twice, inputs), expected);
    EXPECT_EQ(pool.map_results(twice, inputs).at(1).value(), expected.at(1));
    EXPECT_EQ(pool.map_async(twice, inputs).get(), expected);
    EXPECT_EQ(pool.map(twice, inputs | std::views::drop(1)).at(0), expected.at(1));
    std::vector<int> results;
    for (auto& result : pool.imap(twice, inputs)) results.push_back(*result);
    EXPECT_EQ(results, expected);
}
template <class AnyPool>
void expect_choices_may_use(AnyPool& pool) {
    const std::vector<int> numbers{0, 3, 5, 10, 14, 17};
    const auto is_wanted = [&](int value) { return pool.apply(twice, value) % 20 == 0; };
    const std::vector<int> expected{0, 20};
    expect_choice_may_use(pool, numbers | std::views::filter(is_wanted), expected);
    const auto ask = [&](const int& value) -> const int& {
        return pool.apply(twice, value) == 2 * value ? value : throw std::logic_error("twice is not twice");
    };
    expect_choice_may_use(pool, numbers | std::views::transform(ask) | std::views::filter(is_wanted), expected);
    // A view that has its items itself.
    EXPECT_EQ(pool.map_async(twice, std::vector(numbers) | std::views::filter(is_wanted)).get(), expected);
}

TEST_F(PoolLimits, WhatChoosesInputsMayUseThePool) {
    Pool processes(2);
    expect_choices_may_use(processes);
    ThreadPool threads(2);
    expect_choices_may_use(threads);
}

}  // namespace
}  // namespace haid
