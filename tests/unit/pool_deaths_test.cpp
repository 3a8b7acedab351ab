// Workers that die, in every way and at every moment.
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <system_error>
#include <thread>
#include <typeinfo>
#include <variant>

#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "pool_fixture.hpp"

namespace haid {

// A result that dies, in a process of its own choice, while it is written: behind `before` bytes.
struct Deadly {
    int value = 0;
    int way = -1;
    std::uint32_t before = 0;
};
template <>
struct Codec<Deadly> {
    static void encode(Encoder& to, const Deadly& value) {
        haid::encode(to, value.value);
        haid::encode(to, std::string(value.before, 'x'));
        if (value.way >= 0) die(static_cast<Way>(value.way));
    }
    static Deadly decode(Decoder& from) {
        Deadly value;
        value.value = haid::decode<int>(from);
        value.before = static_cast<std::uint32_t>(haid::decode<std::string>(from).size());
        return value;
    }
};

// A function that ends the first workers that receive it, before they run anything: counters[1] of them.
struct Unwelcome {
    int operator()(int value) const { return 2 * value; }
    int unused = 0;
};
template <>
struct Codec<Unwelcome> {
    static void encode(Encoder& to, const Unwelcome& value) { haid::encode(to, value.unused); }
    static Unwelcome decode(Decoder& from) {
        if (shared->counters[0]++ < shared->counters[1]) die(Way::segv);
        return {haid::decode<int>(from)};
    }
};

namespace {

using namespace std::chrono_literals;

constexpr int count = 40;

int twice_or_die(int value, int way) {
    if (way >= 0) die(static_cast<Way>(way));
    return 2 * value;
}
int twice_or_die_pair(std::pair<int, int> item) {
    return twice_or_die(item.first, item.second);
}

std::vector<std::pair<int, int>> with_victim(int victim, Way way) {
    std::vector<std::pair<int, int>> items;
    for (int i = 0; i < count; ++i) items.emplace_back(i, i == victim ? static_cast<int>(way) : -1);
    return items;
}

template <class Body>
void expect_lost(Way way, int victim, Body body) {
    expect_thrown<WorkerLost>(body, [&](const WorkerLost& lost) {
        EXPECT_EQ(lost.exit_code(), exit_code_of(way));
        EXPECT_EQ(lost.signal(), std::max(-exit_code_of(way), 0));
        EXPECT_EQ(lost.task(), static_cast<std::size_t>(victim));
        EXPECT_GE(lost.worker(), 0);
        EXPECT_NE(std::string(lost.what()).find("task " + std::to_string(victim)), std::string::npos) << lost.what();
    });
}

// Exactly the victim is lost; all others are there, with their values.
template <class Results>
void expect_one_lost(Way way, int victim, Results&& results, bool in_order = true) {
    std::map<std::size_t, int> seen;
    std::size_t next = 0;
    for (auto&& result : results) {
        if (in_order) {
            EXPECT_EQ(result.index(), next++);
        }
        if (result.index() == static_cast<std::size_t>(victim)) {
            expect_lost(way, victim, [&] { result.value(); });
            seen[result.index()] = 0;
        } else {
            seen[result.index()] = 1;
            ASSERT_TRUE(result) << result.index() << ": " << result.what();
            EXPECT_EQ(*result, 2 * static_cast<int>(result.index()));
        }
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
}

class PoolDeaths : public PoolTest, public testing::WithParamInterface<std::tuple<Way, int>> {
  protected:
    void SetUp() override {
        if (way == Way::memory && !memory_can_be_limited) GTEST_SKIP() << no_memory_limit;
    }
    const Way way = std::get<0>(GetParam());
    const int victim = std::get<1>(GetParam());
    const std::vector<std::pair<int, int>> items = with_victim(victim, way);
};

TEST_P(PoolDeaths, CostTheirItem) {
    Pool pool(2);
    for (std::size_t chunk : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
        SCOPED_TRACE(chunk);
        const CallOptions options{.chunk_size = chunk};
        expect_one_lost(way, victim, pool.map_results(twice_or_die_pair, items, options));
        expect_one_lost(way, victim, pool.starmap_results(twice_or_die, items, options));
        expect_one_lost(way, victim, pool.imap(twice_or_die_pair, items, options));
        expect_one_lost(way, victim, pool.imap_unordered(twice_or_die_pair, items, options), false);
    }
    expect_works(pool);
}

TEST_P(PoolDeaths, AreThrownByWhatGivesValues) {
    Pool pool(2);
    const CallOptions all{.keep_going = true};
    expect_lost(way, victim, [&] { pool.map(twice_or_die_pair, items); });
    expect_lost(way, victim, [&] { pool.map(twice_or_die_pair, items, all); });
    expect_lost(way, victim, [&] { pool.starmap(twice_or_die, items); });
    expect_lost(way, 0, [&] { pool.apply(twice_or_die, 1, static_cast<int>(way)); });
    auto later = pool.map_async(twice_or_die_pair, items, all);
    auto one = pool.apply_async(twice_or_die, std::tuple{1, static_cast<int>(way)});
    expect_lost(way, victim, [&] { later.get(); });
    expect_lost(way, 0, [&] { one.get(); });
    EXPECT_FALSE(later.successful());
    expect_works(pool);
}

TEST_P(PoolDeaths, CostTheirItemOfAForkedMap) {
    auto captures = [this](std::pair<int, int> item) {
        return twice_or_die(items.at(static_cast<std::size_t>(item.first)).first, item.second);
    };
    MapOptions options;
    options.workers = 2;
    expect_lost(way, victim, [&] { haid::map(captures, items, options); });
    options.keep_going = true;
    expect_lost(way, victim, [&] { haid::map(captures, items, options); });
    EXPECT_EQ(haid::map(twice, up_to(3), options), (std::vector{0, 2, 4}));
}

TEST_P(PoolDeaths, AreOverWithARetry) {
    static constexpr auto die_once = [](int value, int how) {
        if (how >= 0 && shared->counters[0]++ == 0) die(static_cast<Way>(how));
        return 2 * value;
    };
    Pool pool(2);
    const std::vector<int> results = pool.starmap(die_once, items, {.retries = 1, .backoff = 1ms});
    for (int i = 0; i < count; ++i) EXPECT_EQ(results.at(static_cast<std::size_t>(i)), 2 * i);
    EXPECT_EQ(shared->counters[0], 2);
}

INSTANTIATE_TEST_SUITE_P(Each, PoolDeaths,
                         testing::Combine(testing::ValuesIn(all_ways), testing::Values(0, count / 2, count - 1)));

class PoolDeathsElsewhere : public PoolTest, public testing::WithParamInterface<Way> {
  protected:
    void SetUp() override {
        if (GetParam() == Way::memory && !memory_can_be_limited) GTEST_SKIP() << no_memory_limit;
    }
};

TEST_P(PoolDeathsElsewhere, InTheInitializerFailTheCalls) {
    Pool pool({.workers = 2, .initializer = [way = GetParam()] { die(way); }});
    expect_thrown<Error>([&] { pool.map(twice, up_to(10)); },
                         [](const Error& error) {
                             EXPECT_NE(std::string(error.what()).find("before they are ready"), std::string::npos)
                                 << error.what();
                         });
    EXPECT_THROW(pool.apply(twice, 1), Error);
    EXPECT_THROW(pool.apply_async(twice, std::tuple{1}).get(), Error);
    pool.close();
    pool.join();
}

TEST_P(PoolDeathsElsewhere, WhileTheResultIsWritten) {
    static constexpr auto deadly = [](int value, int way, std::uint32_t before) { return Deadly{value, way, before}; };
    Pool pool(2);
    for (std::uint32_t before : {0U, 300U, 100'000U, 3'000'000U}) {
        SCOPED_TRACE(before);
        std::vector<std::tuple<int, int, std::uint32_t>> items;
        for (int i = 0; i < 20; ++i) {
            items.emplace_back(i, i == 7 ? static_cast<int>(GetParam()) : -1, i % 5 == 2 ? before : 10);
        }
        for (std::size_t chunk : {std::size_t{1}, std::size_t{20}}) {
            auto results = pool.starmap_results(deadly, items, {.chunk_size = chunk});
            ASSERT_EQ(results.size(), 20U);
            for (auto& result : results) {
                if (result.index() == 7) {
                    expect_lost(GetParam(), 7, [&] { result.value(); });
                } else {
                    ASSERT_TRUE(result) << result.what();
                    EXPECT_EQ(result->value, static_cast<int>(result.index()));
                    EXPECT_EQ(result->before, std::get<2>(items[result.index()]));
                }
            }
        }
    }
    expect_works(pool);
}

TEST_P(PoolDeathsElsewhere, RightBeforeTheClose) {
    Pool pool(2);
    auto later = pool.starmap_async(twice_or_die, with_victim(count / 2, GetParam()), {.keep_going = true});
    auto others = pool.map_async(twice, up_to(1000));
    pool.close();
    pool.join();
    expect_lost(GetParam(), count / 2, [&] { later.get(); });
    EXPECT_EQ(others.get().back(), 1998);
}

INSTANTIATE_TEST_SUITE_P(Each, PoolDeathsElsewhere, testing::ValuesIn(all_ways),
                         [](const auto& given) { return name_of(given.param); });

class PoolDeathsOfMany : public PoolTest {};

TEST_F(PoolDeathsOfMany, AnIdleWorkerThatDiesCostsNothing) {
    Pool pool(2);
    for (int i = 0; i < 30; ++i) {
        const pid_t worker = pool.apply([] { return ::getpid(); });
        ::kill(worker, SIGKILL);
        ASSERT_EQ(pool.map(twice, up_to(3)), (std::vector{0, 2, 4}));
    }
    expect_works(pool);
}

TEST_F(PoolDeathsOfMany, WorkersThatRunNothingAreStartedMoreSlowly) {
    shared->counters[1] = 2;
    Pool pool(1);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(pool.map(Unwelcome(), up_to(3)), (std::vector{0, 2, 4}));
    EXPECT_GT(shared->counters[0], 2);
    // The first is replaced at once.
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 10ms);
    expect_works(pool);
}

TEST_F(PoolDeathsOfMany, AFunctionThatEndsEveryWorkerEndsTheCall) {
    shared->counters[1] = std::numeric_limits<int>::max();
    Pool pool(2);
    EXPECT_THROW(pool.map(Unwelcome(), up_to(1000)), WorkerLost);
    expect_thrown<WorkerLost>(
        [&] { pool.apply(Unwelcome(), 1); },
        [](const WorkerLost& lost) {
            EXPECT_EQ(lost.exit_code(), -SIGSEGV);
            EXPECT_NE(std::string(lost.what()).find("while it prepared task 0"), std::string::npos) << lost.what();
        });
    // Once it is known, each task costs one worker; before that, each of the few that are under way costs two more.
    const int before = shared->counters[0];
    auto results = pool.map_results(Unwelcome(), up_to(40));
    EXPECT_LT(shared->counters[0] - before, 2 * 40);
    for (auto& result : results) EXPECT_THROW(result.value(), WorkerLost);
    EXPECT_THROW(pool.map(Unwelcome(), up_to(10), {.retries = 1, .backoff = 1ms}), WorkerLost);
    EXPECT_THROW(pool.imap(Unwelcome(), up_to(10)).next()->value(), WorkerLost);
    expect_works(pool);
}

TEST_F(PoolDeathsOfMany, AllTasksDie) {
    Pool pool(2);
    std::vector<std::pair<int, int>> items(50, {1, static_cast<int>(Way::kill)});
    auto results = pool.starmap_results(twice_or_die, items);
    ASSERT_EQ(results.size(), 50U);
    for (auto& result : results) {
        expect_lost(Way::kill, static_cast<int>(result.index()), [&] { result.value(); });
    }
    expect_works(pool);
}

}  // namespace
}  // namespace haid
