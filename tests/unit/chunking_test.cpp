// How many items make a task: without workers.
#include "schedule/chunking.hpp"

#include <gtest/gtest.h>

namespace haid::schedule {
namespace {

using namespace std::chrono_literals;

constexpr Chunking rule{.task_time = 500e3, .parts = 6, .most = 1000};

TEST(PaceTest, IsWhatAnItemTakes) {
    Pace pace;
    EXPECT_EQ(pace.item_time(), 0);
    pace.took(0ns, 5);
    EXPECT_EQ(pace.item_time(), 0) << "no time says nothing";
    pace.took(1000ns, 10);
    EXPECT_EQ(pace.item_time(), 100);
    pace.took(0ns, 5);
    EXPECT_EQ(pace.item_time(), 100);
}

TEST(PaceTest, FollowsWhatChangesAndForgetsWhatWasOnce) {
    Pace pace;
    pace.took(100ns, 1);
    pace.took(500ns, 1);
    EXPECT_EQ(pace.item_time(), 200);
    for (int i = 0; i < 30; ++i) pace.took(1000ns, 2);
    EXPECT_NEAR(pace.item_time(), 500, 1);
}

TEST(ChunkingTest, BeginsWithOneItem) {
    EXPECT_EQ(rule.next(0, 0, std::nullopt), 1U);
    EXPECT_EQ(rule.next(0, 700, 100'000), 1U);
}

TEST(ChunkingTest, TasksTakeTheirTime) {
    EXPECT_EQ(rule.next(1000, 400, std::nullopt), 500U);
    EXPECT_EQ(rule.next(1e9, 400, std::nullopt), 1U) << "long items go alone";
    EXPECT_EQ(rule.next(1, 400, std::nullopt), 1000U) << "no more than may be";
}

TEST(ChunkingTest, TasksGrowStepByStep) {
    EXPECT_EQ(rule.next(100, 1, std::nullopt), 16U);
    EXPECT_EQ(rule.next(100, 16, std::nullopt), 256U);
    EXPECT_EQ(rule.next(100, 256, std::nullopt), 1000U);
}

TEST(ChunkingTest, TowardsTheEndTheyBecomeSmaller) {
    std::uint64_t left = 3000;
    std::uint32_t last = 1000;
    while (left > 0) {
        const std::uint32_t next = rule.next(1, last, left);
        ASSERT_GE(next, 1U);
        ASSERT_LE(next, std::max<std::uint64_t>(left / 6, 1));
        ASSERT_LE(next, last);
        left -= next;
        last = next;
    }
    EXPECT_EQ(last, 1U);
}

}  // namespace
}  // namespace haid::schedule
