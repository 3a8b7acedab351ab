// What is left before its end, or has failed, gives up all that has not begun: also the rest of a chunk that runs.
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "haid/pool.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

template <class AnyPool>
class GivenUp : public PoolTest {
  protected:
    // counters[0]: begun; counters[1]: whether they may go on.
    static int wait_until_let(int value) {
        ++shared->counters[0];
        while (shared->counters[1] == 0) std::this_thread::sleep_for(1ms);
        return value;
    }
    static void let_them_go_on(AnyPool& pool) {
        shared->counters[1] = 1;
        pool.close();
        pool.join();
    }
    static inline const std::vector<CallOptions> ways = {{}, {.chunk_size = 15}, {.chunk_size = 60, .retries = 3}};
};
using Pools = testing::Types<Pool, ThreadPool>;
TYPED_TEST_SUITE(GivenUp, Pools);

TYPED_TEST(GivenUp, AnImapThatIsDestroyedEarly) {
    for (const CallOptions& options : this->ways) {
        for (bool in_order : {true, false}) {
            shared->counters[0] = shared->counters[1] = 0;
            TypeParam pool(2);
            // All of one chunk, unless a worker asks before all inputs have been read.
            const int least = options.chunk_size == 60 ? 1 : 2;
            {
                auto imap = in_order ? pool.imap(this->wait_until_let, this->up_to(60), options)
                                     : pool.imap_unordered(this->wait_until_let, this->up_to(60), options);
                EXPECT_THROW(imap.next_for(1ms), TimeoutError);
                while (shared->counters[0] < least) EXPECT_THROW(imap.next_for(1ms), TimeoutError);
            }
            this->let_them_go_on(pool);
            EXPECT_GE(shared->counters[0], least);
            EXPECT_LE(shared->counters[0], 2);
        }
    }
}

TYPED_TEST(GivenUp, TheRestOfAMapThatHasFailed) {
    TypeParam pool(2);
    auto fails_at_first = [](int value) {
        ++shared->counters[0];
        if (value == 0) throw std::runtime_error("mine");
        std::this_thread::sleep_for(100ms);
    };
    EXPECT_THROW(pool.map(fails_at_first, this->up_to(50), {.chunk_size = 25}), std::runtime_error);
    EXPECT_LT(shared->counters[0], 40);
}

TYPED_TEST(GivenUp, WhatNobodyWaitsForGoesOn) {
    TypeParam pool(2);
    static_cast<void>(pool.map_async(this->wait_until_let, this->up_to(60), {.chunk_size = 15}));
    this->let_them_go_on(pool);
    EXPECT_EQ(shared->counters[0], 60);
}

TYPED_TEST(GivenUp, OthersAreNotHit) {
    TypeParam pool(2);
    for (int round = 0; round < 200; ++round) {
        auto left = pool.imap(twice, this->up_to(500), {.chunk_size = 50});
        auto other = pool.map_async(twice, this->up_to(200));
        ASSERT_TRUE(left.next());
        left = pool.imap(twice, this->up_to(3));
        ASSERT_EQ(other.get().back(), 398);
        int next = 0;
        for (auto& result : left) ASSERT_EQ(*result, 2 * next++);
        ASSERT_EQ(next, 3);
    }
}

}  // namespace
}  // namespace haid
