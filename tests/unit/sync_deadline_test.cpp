// Every length of time and every clock, at every door that takes one.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "haid/haid.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A clock of a user's, whose epoch is far ahead.
struct Odd {
    using duration = std::chrono::duration<double, std::milli>;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Odd>;
    static constexpr bool is_steady = true;
    static time_point now() { return time_point(steady_clock::now().time_since_epoch() - hours(1'000'000)); }
};

TEST(NanosecondsIn, HoldsWhatCanBeHeld) {
    EXPECT_EQ(detail::nanoseconds_in(1500us), 1'500'000ns);
    EXPECT_EQ(detail::nanoseconds_in(duration<double>(1.5)), 1'500'000'000ns);
    EXPECT_EQ(detail::nanoseconds_in(duration<int, std::pico>(1)), 1ns);
    EXPECT_EQ(detail::nanoseconds_in(duration<double>(-1e-3)), -1ms);
    EXPECT_EQ(detail::nanoseconds_in(duration<signed char>(100)), 100s);
    for (const nanoseconds most :
         {detail::nanoseconds_in(hours::max()), detail::nanoseconds_in(seconds::max()),
          detail::nanoseconds_in(duration<double>(1e12)), detail::nanoseconds_in(duration<float>(infinite)),
          detail::nanoseconds_in(nanoseconds::max()),
          detail::nanoseconds_in(duration<std::uint64_t, std::ratio<3600>>::max())}) {
        EXPECT_EQ(most, nanoseconds::max());
    }
    for (const nanoseconds least :
         {detail::nanoseconds_in(hours::min()), detail::nanoseconds_in(duration<double>(-infinite)),
          detail::nanoseconds_in(nanoseconds::min())}) {
        EXPECT_LE(least, -hours(24 * 365 * 290));
    }
    EXPECT_EQ(detail::nanoseconds_in(duration<double>(nan)), 0ns);
}

TEST(DeadlineTest, IsNeverForWhatIsTooFarAway) {
    EXPECT_TRUE(detail::Deadline::after(hours::max()).is_never());
    EXPECT_TRUE(detail::Deadline::after(duration<double>(1e12)).is_never());
    EXPECT_TRUE(detail::Deadline::at(steady_clock::time_point::max()).is_never());
    EXPECT_TRUE(detail::Deadline::at(system_clock::time_point::max()).is_never());
    EXPECT_TRUE(detail::Deadline::at(file_clock::time_point::max()).is_never());
    EXPECT_TRUE(detail::Deadline::at(time_point<system_clock, hours>::max()).is_never());
    EXPECT_TRUE(detail::Deadline::at(Odd::time_point::max()).is_never());
    EXPECT_TRUE(detail::Deadline::at(Odd::time_point(Odd::duration(infinite))).is_never());
    EXPECT_EQ(detail::Deadline::never().on_steady_clock(), std::nullopt);
}

TEST(DeadlineTest, IsImmediateForWhatHasPassed) {
    EXPECT_TRUE(detail::Deadline::after(hours::min()).is_immediate());
    EXPECT_TRUE(detail::Deadline::after(0s).is_immediate());
    EXPECT_TRUE(detail::Deadline::after(duration<double>(nan)).is_immediate());
    EXPECT_TRUE(detail::Deadline::at(steady_clock::time_point::min()).is_immediate());
    EXPECT_TRUE(detail::Deadline::at(system_clock::time_point::min()).is_immediate());
    EXPECT_TRUE(detail::Deadline::at(file_clock::time_point::min()).is_immediate());
    EXPECT_TRUE(detail::Deadline::at(time_point<system_clock, hours>::min()).is_immediate());
    EXPECT_TRUE(detail::Deadline::at(Odd::now() - Odd::duration(1)).is_immediate());
    EXPECT_TRUE(detail::Deadline::at(Odd::time_point::min()).is_immediate());
    EXPECT_TRUE(detail::Deadline::at(Odd::time_point(Odd::duration(nan))).is_immediate());
    EXPECT_LT(detail::Deadline::immediate().on_steady_clock(), steady_clock::now());
}

TEST(DeadlineTest, MeansTheSameOnEveryClock) {
    const auto left = [](const detail::Deadline& deadline) {
        return *deadline.on_steady_clock() - steady_clock::now();
    };
    for (const auto& time :
         {left(detail::Deadline::after(1h)), left(detail::Deadline::at(steady_clock::now() + 1h)),
          left(detail::Deadline::at(system_clock::now() + 1h)), left(detail::Deadline::at(file_clock::now() + 1h)),
          left(detail::Deadline::at(Odd::now() + 1h))}) {
        EXPECT_GT(time, 59min);
        EXPECT_LE(time, 1h + 1s);
    }
}

class Durations : public PoolTest {};

// All that waits, without an end that is near: `wait` gets something to wait for that takes a moment, and says whether
// it was there in the end.
using Wait = std::function<bool(Pool& pool, ThreadPool& threads)>;

int slow(int value) {
    std::this_thread::sleep_for(20ms);
    return value;
}

template <class Time>
std::vector<Wait> waits_for(Time time) {
    const auto later = [](auto act) { return std::jthread([act] { slow(0), act(); }); };
    return {
        [=](Pool& pool, ThreadPool&) { return pool.map_async(slow, std::vector{1}).wait_for(time); },
        [=](Pool& pool, ThreadPool&) { return pool.apply_async(slow, std::tuple{1}).get_for(time) == 1; },
        [=](Pool& pool, ThreadPool&) { return pool.imap(slow, std::vector{1}).next_for(time)->value() == 1; },
        [=](Pool&, ThreadPool& threads) { return threads.map_async(slow, std::vector{1}).wait_for(time); },
        [=](Pool&, ThreadPool& threads) { return threads.imap(slow, std::vector{1}).next_for(time)->value() == 1; },
        [=](Pool&, ThreadPool&) {
            Process process(slow, 0);
            process.start();
            return process.join_for(time);
        },
        [=](Pool&, ThreadPool&) {
            Event event;
            const auto setter = later([&] { event.set(); });
            return event.wait_for(time);
        },
        [=](Pool&, ThreadPool&) {
            Semaphore semaphore(0);
            const auto giver = later([&] { semaphore.release(); });
            return semaphore.try_acquire_for(time);
        },
        [=](Pool&, ThreadPool&) {
            Queue<int> queue;
            const auto putter = later([&] { queue.put(1); });
            return queue.try_get_for(time) == 1;
        },
        [=](Pool&, ThreadPool&) {
            Barrier barrier(2);
            const auto other = later([&] { barrier.wait(); });
            return barrier.wait_for(time) == 0;
        },
        [=](Pool&, ThreadPool&) {
            auto [mine, theirs] = Pipe();
            const auto sender = later([&theirs = theirs] { theirs.send(1); });
            return mine.poll(time);
        },
        [=](Pool&, ThreadPool&) {
            Lock lock;
            Condition condition;
            bool told = false;
            const auto teller = later([&] {
                std::lock_guard guard(lock);
                told = true;
                condition.notify_all();
            });
            std::unique_lock guard(lock);
            return condition.wait_for(guard, time, [&] { return told; });
        },
    };
}

template <class Point>
std::vector<Wait> waits_until(Point time) {
    return {
        [=](Pool& pool, ThreadPool&) { return pool.map_async(slow, std::vector{1}).wait_until(time); },
        [=](Pool& pool, ThreadPool&) { return pool.apply_async(slow, std::tuple{1}).get_until(time) == 1; },
        [=](Pool& pool, ThreadPool&) { return pool.imap(slow, std::vector{1}).next_until(time)->value() == 1; },
        [=](Pool&, ThreadPool& threads) { return threads.apply_async(slow, std::tuple{1}).get_until(time) == 1; },
        [=](Pool&, ThreadPool&) {
            Process process(slow, 0);
            process.start();
            return process.join_until(time);
        },
        [=](Pool&, ThreadPool&) {
            Event event;
            const std::jthread setter([&] { slow(0), event.set(); });
            return event.wait_until(time);
        },
    };
}

void expect_waits(const std::vector<Wait>& waits) {
    Pool pool(2);
    ThreadPool threads(2);
    for (std::size_t i = 0; i < waits.size(); ++i) {
        SCOPED_TRACE(i);
        EXPECT_TRUE(waits[i](pool, threads));
    }
}

TEST_F(Durations, ThatAreTooLongWaitForWhatComes) {
    expect_waits(waits_for(hours::max()));
    expect_waits(waits_for(duration<double>(1e12)));
    expect_waits(waits_for(nanoseconds::max()));
    expect_waits(waits_for(duration<float>(infinite)));
}

TEST_F(Durations, ToTheEndOfAnyClockWaitForWhatComes) {
    expect_waits(waits_until(steady_clock::time_point::max()));
    expect_waits(waits_until(system_clock::time_point::max()));
    expect_waits(waits_until(file_clock::time_point::max()));
    expect_waits(waits_until(Odd::time_point::max()));
    expect_waits(waits_until(time_point<system_clock, hours>::max()));
}

TEST_F(Durations, ThatHavePassedDoNotWait) {
    static constexpr auto until_told = [](int) {
        while (shared->counters[0] == 0) std::this_thread::sleep_for(1ms);
        return 7;
    };
    Pool pool(1);
    auto later = pool.apply_async(until_told, std::tuple{1});
    auto results = pool.imap(until_told, std::vector{1});
    Process process([] { until_told(0); });
    process.start();
    for (const double time : {-1.0, 0.0, -1e300, -infinite, nan}) {
        SCOPED_TRACE(time);
        const duration<double> passed(time);
        EXPECT_FALSE(later.wait_for(passed));
        EXPECT_THROW(later.get_for(passed), TimeoutError);
        EXPECT_THROW(results.next_for(passed), TimeoutError);
        EXPECT_FALSE(process.join_for(passed));
    }
    EXPECT_FALSE(later.wait_until(system_clock::time_point::min()));
    EXPECT_THROW(results.next_until(file_clock::time_point::min()), TimeoutError);
    EXPECT_FALSE(process.join_until(steady_clock::time_point::min()));
    shared->counters[0] = 1;
    EXPECT_EQ(later.get(), 7);
}

// Nobody else does the work of an imap.
TEST_F(Durations, OfNothingAreEnoughForWhoAsksAgain) {
    Pool pool(2);
    auto results = pool.imap(slow, up_to(20));
    int seen = 0;
    while (seen < 20) {
        try {
            const int value = results.next_for(0s)->value();
            EXPECT_EQ(value, seen++);
        } catch (const TimeoutError&) {
            std::this_thread::sleep_for(1ms);
        }
    }
    EXPECT_FALSE(results.next());
}

TEST_F(Durations, OfItemsAndPausesCanBeAnything) {
    Pool pool(2);
    ThreadPool threads(2);
    EXPECT_EQ(pool.map(slow, up_to(4), {.timeout = hours::max()}), up_to(4));
    EXPECT_EQ(pool.map(slow, up_to(4), {.timeout = duration<double>(1e12)}), up_to(4));
    EXPECT_EQ(pool.map(slow, up_to(4), {.timeout = nanoseconds::max()}), up_to(4));
    EXPECT_EQ(pool.map(slow, up_to(4), {.timeout = duration<double>(nan)}), up_to(4));
    EXPECT_EQ(pool.map(slow, up_to(4), {.timeout = 9.5min}), up_to(4));
    MapOptions options;
    options.workers = 2;
    options.timeout = hours::max();
    EXPECT_EQ(haid::map(slow, up_to(4), options), up_to(4));
    EXPECT_EQ(threads.map(slow, up_to(4), {.timeout = duration<double>(infinite)}), up_to(4));
    EXPECT_THROW(pool.map(slow, up_to(4), {.timeout = -1s}), std::invalid_argument);
    EXPECT_THROW(threads.map(slow, up_to(4), {.backoff = -1s}), std::invalid_argument);
    options.timeout = hours::min();
    EXPECT_THROW(haid::map(slow, up_to(4), options), std::invalid_argument);
    expect_works(pool);
}

}  // namespace
}  // namespace haid
