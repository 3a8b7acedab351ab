#include "schedule/trust.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace haid::schedule {
namespace {

using namespace std::chrono_literals;
using News = Trust::News;

constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();

class TrustTest : public testing::Test {
  protected:
    TrustTest() {
        for (std::size_t node : {0, 1, 2}) trust_.set_usable(node, true);
    }
    News ends(std::size_t node, bool succeeded, int times = 1) {
        for (int i = 0; i < times; ++i) trust_.ended(node, succeeded, now_);
        return trust_.news(node);
    }
    std::uint64_t most(std::size_t node) const { return trust_.most_jobs(node, now_); }

    Trust trust_{3};
    Time now_{1000s};
};

TEST_F(TrustTest, AFewFailuresAreNothing) {
    ends(0, true, 5);
    EXPECT_EQ(ends(1, false, 2), News::none);
    EXPECT_EQ(most(1), any);
    ends(1, true);
    ends(1, false, 2);
    EXPECT_EQ(most(1), any);
}

TEST_F(TrustTest, ANodeThatFailsWhatOthersRunGetsOneAtATimeEachLater) {
    ends(1, false, 2);
    ends(0, true);
    EXPECT_EQ(ends(1, false), News::doubted);
    EXPECT_EQ(most(0), any);
    for (auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 64s}) {
        EXPECT_EQ(most(1), 0u);
        now_ += wait - 1ms;
        EXPECT_EQ(most(1), 0u) << wait.count();
        now_ += 1ms;
        EXPECT_EQ(most(1), 1u) << wait.count();
        EXPECT_EQ(ends(1, false), News::none);  // it has been told
    }
}

TEST_F(TrustTest, OneSuccessIsEnough) {
    ends(1, false, 2);
    ends(0, true);
    ends(1, false, 9);
    EXPECT_EQ(ends(1, true), News::trusted);
    EXPECT_EQ(most(1), any);
    EXPECT_EQ(ends(1, true), News::none);
}

TEST_F(TrustTest, ItIsFastAndTheOthersHaveNotEndedAnythingYet) {
    EXPECT_EQ(ends(1, false, 3), News::none);
    EXPECT_EQ(most(1), 0u);
    now_ += 1s;
    EXPECT_EQ(most(1), 1u);
    EXPECT_EQ(trust_.news(1), News::none);
    ends(0, true);
    EXPECT_EQ(trust_.news(1), News::doubted);
    EXPECT_EQ(trust_.news(1), News::none);
}

TEST_F(TrustTest, WhereAllNodesFailItIsTheJobs) {
    for (int i = 0; i < 3; ++i) {
        for (std::size_t node : {0, 1, 2}) ends(node, false);
    }
    for (std::size_t node : {0, 1, 2}) EXPECT_EQ(most(node), any);
}

TEST_F(TrustTest, WhereManyFailOnOtherNodesTooItIsTheJobs) {
    ends(1, false);
    for (int i = 0; i < 10; ++i) {
        ends(0, false);
        ends(0, true);
    }
    EXPECT_EQ(ends(1, false, 2), News::none);
    EXPECT_EQ(most(1), any);
}

TEST_F(TrustTest, TwoBrokenNodesAreNoWitnessesForEachOther) {
    ends(1, false, 50);
    ends(2, false, 50);
    ends(0, true);
    EXPECT_EQ(most(1), 0u);
    EXPECT_EQ(most(2), 0u);
    EXPECT_EQ(most(0), any);
}

TEST_F(TrustTest, WhereNoOtherNodeCanRunAnythingNobodyWaits) {
    ends(0, true);
    ends(1, false, 3);
    EXPECT_EQ(most(1), 0u);
    trust_.set_usable(0, false);
    EXPECT_EQ(most(1), 0u);
    trust_.set_usable(2, false);
    EXPECT_EQ(most(1), any);
    trust_.set_usable(2, true);
    EXPECT_EQ(most(1), 0u);
}

}  // namespace
}  // namespace haid::schedule
