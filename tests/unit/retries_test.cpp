// What is tried again, and when: without anything that fails.
#include "schedule/retries.hpp"

#include <gtest/gtest.h>

namespace haid::schedule {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(RetriesTest, EndWithTheLastAttempt) {
    EXPECT_FALSE(Retries{}.again(1));
    const Retries three{3};
    EXPECT_TRUE(three.again(1));
    EXPECT_TRUE(three.again(2));
    EXPECT_FALSE(three.again(3));
    EXPECT_TRUE(Retries{0}.again(1'000'000)) << "without an end";
}

TEST(RetriesTest, PausesDouble) {
    const Retries rule{9, 10ms};
    EXPECT_EQ(rule.pause_after(1), 10ms);
    EXPECT_EQ(rule.pause_after(2), 20ms);
    EXPECT_EQ(rule.pause_after(5), 160ms);
    EXPECT_EQ((Retries{100}.pause_after(80)), 0ns);
}

// A pause that overflows is over at once: the item would run again and again.
TEST(RetriesTest, PausesDoNotOverflow) {
    EXPECT_EQ((Retries{9, nanoseconds::max()}.pause_after(1)), detail::Deadline::furthest);
    EXPECT_EQ((Retries{9, 1h}.pause_after(4)), 8h);
    EXPECT_EQ((Retries{100, 1h}.pause_after(41)), detail::Deadline::furthest);
    EXPECT_EQ((Retries{0, 1ns}.pause_after(UINT64_MAX)), nanoseconds(std::int64_t{1} << 30));
}

TEST(RetriesTest, WhatDoublesStaysBelowItsBound) {
    EXPECT_EQ(doubled(10ms, 0, 1000ms), 10ms);
    EXPECT_EQ(doubled(10ms, 6, 1000ms), 640ms);
    EXPECT_EQ(doubled(10ms, 7, 1000ms), 1000ms);
    EXPECT_EQ(doubled(10ms, UINT64_MAX, 1000ms), 1000ms);
}

}  // namespace
}  // namespace haid::schedule
