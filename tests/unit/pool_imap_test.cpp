// imap, results that come later, and the end of a pool.
#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "haid/pool.hpp"
#include "pool_fixture.hpp"
#include "processes.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

// 0, 1, 2, … to be read once; counts what it was asked for. Like a stream, it has read what it stands on.
class Numbers {
  public:
    explicit Numbers(int& read, int end = INT_MAX) : read_(&read), end_(end) {}

    class iterator {
      public:
        using value_type = int;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        explicit iterator(int* read, int end) : read_(read), end_(end) { ++*this; }
        int operator*() const { return value_; }
        iterator& operator++() {
            value_ = (*read_)++;
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return value_ >= end_; }

      private:
        int* read_;
        int end_;
        int value_ = 0;
    };
    iterator begin() const { return iterator(read_, end_); }
    std::default_sentinel_t end() const { return {}; }

  private:
    int* read_;
    int end_;
};

class PoolImap : public PoolTest {};

TEST_F(PoolImap, ReadsNoFurtherAheadThanItsBuffer) {
    Pool pool(2);
    for (std::size_t buffer : {std::size_t{1}, std::size_t{5}}) {
        for (bool in_order : {true, false}) {
            int read = 0;
            auto numbers = std::views::iota(0) | std::views::transform([&](int value) {
                               ++read;
                               return value;
                           });
            const CallOptions options{.buffer_size = buffer};
            auto imap = in_order ? pool.imap(twice, numbers, options) : pool.imap_unordered(twice, numbers, options);
            for (int taken = 0; taken < 300; ++taken) {
                EXPECT_LE(read - taken, static_cast<int>(buffer));
                ASSERT_TRUE(imap.next());
                EXPECT_LE(read - taken, static_cast<int>(buffer));
            }
        }
    }
}

TEST_F(PoolImap, ReadsAStreamNoFurtherThanItsBuffer) {
    Pool pool(2);
    int read = 0;
    auto imap = pool.imap(twice, Numbers(read), {.buffer_size = 5});
    for (int taken = 0; taken < 300; ++taken) {
        ASSERT_EQ(*imap.next().value(), 2 * taken);
        ASSERT_LE(read - taken, 5);
    }
}

TEST_F(PoolImap, AnEndlessInputIsFine) {
    Pool pool(2);
    int read = 0;
    int next = 0;
    for (auto& result : pool.imap(twice, Numbers(read))) {
        ASSERT_EQ(*result, 2 * next);
        if (++next == 50'000) break;
    }
    EXPECT_EQ(pool.apply(twice, 2), 4);
}

TEST_F(PoolImap, GivesTheQuickOnesWhileASlowOneRuns) {
    auto first_waits = [](int value) {
        while (value == 0 && shared->counters[0] == 0) std::this_thread::sleep_for(1ms);
        return value;
    };
    Pool pool(2);
    std::set<std::size_t> seen;
    auto imap = pool.imap_unordered(first_waits, up_to(200));
    while (seen.size() < 199) seen.insert(imap.next().value().index());
    EXPECT_FALSE(seen.contains(0));
    EXPECT_THROW(imap.next_for(5ms), TimeoutError);
    shared->counters[0] = 1;
    EXPECT_EQ(imap.next().value().index(), 0U);
    EXPECT_FALSE(imap.next());
    EXPECT_FALSE(imap.next());
}

TEST_F(PoolImap, GivenUpEarlyItLeavesThePoolUsable) {
    Pool pool(2);
    for (int round = 0; round < 50; ++round) {
        int read = 0;
        auto imap = pool.imap(twice, Numbers(read));
        for (int i = 0; i < round; ++i) ASSERT_EQ(**imap.next(), 2 * i);
        if (round % 2 == 0) {
            auto other = pool.imap_unordered(twice, up_to(1000));
            ASSERT_TRUE(other.next());
        }
    }
    EXPECT_EQ(pool.map(twice, up_to(3)), (std::vector{0, 2, 4}));
}

TEST_F(PoolImap, TwoAtATime) {
    Pool pool(2);
    auto first = pool.imap(twice, up_to(500));
    auto second = pool.imap(twice, up_to(500), {.chunk_size = 7, .buffer_size = 3});
    for (int i = 0; i < 500; ++i) {
        ASSERT_EQ(**first.next(), 2 * i);
        ASSERT_EQ(**second.next(), 2 * i);
    }
    EXPECT_FALSE(first.next());
    EXPECT_FALSE(second.next());
}

TEST_F(PoolImap, MayFeedAnother) {
    Pool pool(2);
    auto values = [](Result<int>& result) { return *result; };
    auto inner = pool.imap(twice, up_to(100));
    int next = 0;
    for (auto& result : pool.imap(twice, std::ranges::ref_view(inner) | std::views::transform(values))) {
        ASSERT_EQ(*result, 4 * next++);
    }
    EXPECT_EQ(next, 100);
}

TEST_F(PoolImap, JoinKeepsTheResults) {
    Pool pool(2);
    auto imap = pool.imap(twice, up_to(5000), {.buffer_size = 3});
    auto unordered = pool.imap_unordered(twice, up_to(300));
    pool.close();
    EXPECT_THROW(pool.imap(twice, up_to(3)), PoolClosed);
    pool.join();
    for (int i = 0; i < 5000; ++i) ASSERT_EQ(**imap.next(), 2 * i);
    EXPECT_FALSE(imap.next());
    EXPECT_EQ(std::ranges::distance(unordered), 300);
}

TEST_F(PoolImap, ATerminatedOneDoesNotReadOn) {
    Pool pool(2);
    int read = 0;
    auto imap = pool.imap(twice, Numbers(read, 3'000'000));
    ASSERT_TRUE(imap.next());
    pool.terminate();
    pool.join();
    EXPECT_LT(read, 3'000'000);
    EXPECT_THROW(while (imap.next()){}, PoolClosed);
}

// -- workers

TEST_F(PoolImap, WorkersAreRenewed) {
    auto pid = [](int) { return ::getpid(); };
    Pool pool({.workers = 2, .tasks_per_worker = 5});
    const std::vector<pid_t> pids = pool.map(pid, up_to(200), {.chunk_size = 1});
    std::map<pid_t, int> tasks;
    for (pid_t worker : pids) ++tasks[worker];
    EXPECT_GE(tasks.size(), 40U);
    for (auto [worker, count] : tasks) EXPECT_LE(count, 5);
    std::vector<int> results = pool.map(twice, up_to(3000), {.chunk_size = 10});
    for (int i = 0; i < 3000; ++i) ASSERT_EQ(results.at(static_cast<std::size_t>(i)), 2 * i);
}

int table = 0;

TEST_F(PoolImap, TasksSeeWhatTheInitializerMade) {
    Pool pool({.workers = 2, .initializer = [] { table = 42; }, .tasks_per_worker = 3});
    for (int seen : pool.map([](int) { return table; }, up_to(100))) ASSERT_EQ(seen, 42);
    EXPECT_EQ(table, 0);
}

// -- later

TEST_F(PoolImap, CallbacksAreCalledOnce) {
    auto fails = [](int value) {
        if (value < 0) throw std::out_of_range("negative");
        return value;
    };
    std::atomic<int> sum{0};
    std::atomic<int> errors{0};
    Pool pool(2);
    const auto add = [&](int value) { sum += value; };
    const auto count = [&](std::exception_ptr error) {
        EXPECT_THROW(std::rethrow_exception(error), std::out_of_range);
        ++errors;
    };
    for (int i = 1; i <= 100; ++i) {
        pool.apply_async(fails, std::tuple{i}, {}, add, count);
        pool.apply_async(fails, std::tuple{-i}, {}, add, count);
    }
    pool.map_async(fails, up_to(5), {}, [&](const std::vector<int>& all) { sum += static_cast<int>(all.size()); });
    pool.map_async([](int) {}, up_to(5), {}, [&] { sum += 1000; });
    pool.close();
    pool.join();
    EXPECT_EQ(sum, 5050 + 5 + 1000);
    EXPECT_EQ(errors, 100);
}

TEST_F(PoolImap, ManyAreOutstanding) {
    Pool pool(2);
    std::vector<AsyncResult<int>> all;
    for (int i = 0; i < 2000; ++i) all.push_back(pool.apply_async(twice, std::tuple{i}));
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)].get(), 2 * i);
}

TEST_F(PoolImap, AResultCanBeAskedFor) {
    auto waits = [](int value) {
        while (shared->counters[0] == 0) std::this_thread::sleep_for(1ms);
        if (value < 0) throw std::out_of_range("negative");
        return std::string(static_cast<std::size_t>(value), 'x');
    };
    Pool pool(2);
    auto good = pool.apply_async(waits, std::tuple{5});
    auto bad = pool.apply_async(waits, std::tuple{-5});
    auto copy = good;
    EXPECT_FALSE(good.ready());
    EXPECT_FALSE(good.wait_for(2ms));
    EXPECT_THROW(good.successful(), Error);
    EXPECT_THROW(good.get_for(2ms), TimeoutError);
    shared->counters[0] = 1;
    EXPECT_TRUE(good.wait_for(20s));
    bad.wait();
    EXPECT_TRUE(good.ready() && good.successful() && copy.successful());
    EXPECT_FALSE(bad.successful());
    for (int twice_each = 0; twice_each < 2; ++twice_each) {
        EXPECT_EQ(good.get(), "xxxxx");
        EXPECT_EQ(copy.get_for(1s), "xxxxx");
        EXPECT_THROW(bad.get(), std::out_of_range);
    }
    EXPECT_EQ(std::move(copy).get(), "xxxxx");
}

// -- the end

TEST_F(PoolImap, AClosedPoolTakesNothing) {
    for (bool end : {false, true}) {
        Pool pool(2);
        EXPECT_THROW(pool.join(), Error);
        end ? pool.terminate() : pool.close();
        EXPECT_THROW(pool.map(twice, up_to(3)), PoolClosed);
        EXPECT_THROW(pool.apply(twice, 3), PoolClosed);
        EXPECT_THROW(pool.apply_async(twice, std::tuple{3}), PoolClosed);
        EXPECT_THROW(pool.imap(twice, up_to(3)), PoolClosed);
        pool.join();
        pool.join();
        pool.close();
        pool.terminate();
        EXPECT_THROW(pool.map(twice, up_to(3)), PoolClosed);
    }
}

TEST_F(PoolImap, TerminateEndsWhatRuns) {
    Pool pool(2);
    auto later = pool.map_async([](int) { sleep_for_ever(); }, up_to(10));
    std::thread waiter([&] { EXPECT_THROW(pool.map([](int) { sleep_for_ever(); }, up_to(3)), PoolClosed); });
    while (later.wait_for(20ms)) {
    }
    pool.terminate();
    EXPECT_THROW(later.get(), PoolClosed);
    waiter.join();
    pool.join();
}

TEST_F(PoolImap, AResultOutlivesItsPool) {
    auto pool = std::make_unique<Pool>(2);
    auto done = pool->apply_async(twice, std::tuple{4});
    done.wait();
    auto imap = pool->imap(twice, up_to(100), {.buffer_size = 3});
    ASSERT_TRUE(imap.next());
    auto running = pool->map_async([](int) { sleep_for_ever(); }, up_to(10));
    pool.reset();
    EXPECT_EQ(done.get(), 8);
    EXPECT_THROW(running.get(), PoolClosed);
    EXPECT_THROW(while (imap.next()){}, PoolClosed);
}

TEST_F(PoolImap, APoolCanBeMoved) {
    Pool first(2);
    auto imap = first.imap(twice, up_to(100));
    Pool second(std::move(first));
    EXPECT_EQ(second.map(twice, up_to(3)), (std::vector{0, 2, 4}));
    first = Pool(1);
    EXPECT_EQ(first.apply(twice, 1), 2);
    second = std::move(first);
    EXPECT_EQ(second.workers(), 1);
    EXPECT_THROW(while (imap.next()){}, PoolClosed);
}

}  // namespace
}  // namespace haid
