#include "nodes/lease.hpp"

#include <gtest/gtest.h>

#include "nodes/calling.hpp"

namespace haid::nodes {
namespace {

using namespace std::chrono_literals;

constexpr system::Time begin{1000s};

TEST(Lease, EndsWhereSignsOfLifeAreNotAnswered) {
    SignsOfLife life(begin);
    for (auto time = 0s; time <= lease; time += 1s) EXPECT_FALSE(life.lapsed(begin + time)) << time.count();
    EXPECT_TRUE(life.lapsed(begin + lease + 1s));
}

TEST(Lease, CountsFromWhenTheAnsweredSignWasSent) {
    SignsOfLife life(begin);
    std::uint64_t number = 0;
    ASSERT_TRUE(life.due(begin + 5s, number));
    ASSERT_TRUE(life.answered(number));
    EXPECT_EQ(life.lease_end(), begin + 5s + lease);
    EXPECT_FALSE(life.answered(number));
}

TEST(Lease, OneThatPassedWhileNobodyCouldAskMayBeRenewed) {
    SignsOfLife life(begin);
    std::uint64_t number = 0;
    EXPECT_FALSE(life.lapsed(begin + 1s));
    const auto resumed = begin + 100s;
    EXPECT_FALSE(life.lapsed(resumed));
    ASSERT_TRUE(life.due(resumed, number));
    EXPECT_FALSE(life.lapsed(resumed + 1s));
    ASSERT_TRUE(life.answered(number));
    EXPECT_FALSE(life.lapsed(resumed + 2s));
    EXPECT_EQ(life.lease_end(), resumed + lease);
}

TEST(Lease, OneThatNobodyRenewsThenEndsAfterAll) {
    SignsOfLife life(begin);
    const auto resumed = begin + 100s;
    for (auto time = 0s; time < process::Standstill::patience; time += 1s) EXPECT_FALSE(life.lapsed(resumed + time));
    EXPECT_TRUE(life.lapsed(resumed + process::Standstill::patience));
}

}  // namespace
}  // namespace haid::nodes
