// The texts in which times, limits and numbers of jobs are given, and the median behind a limit in percent.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>

#include "command/jobs_number.hpp"
#include "process/ladder.hpp"
#include "schedule/median.hpp"
#include "schedule/timeout.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;
using command::parse_jobs;
using process::parse_ladder;
using schedule::Median;
using schedule::parse_duration;
using schedule::parse_timeout;
using schedule::seconds;

template <class Parse>
void expect_refused(Parse parse, const char* text) {
    try {
        parse(text);
        ADD_FAILURE() << "accepted: '" << text << "'";
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find(std::string("'") + text + "'"), std::string::npos) << error.what();
    }
}

TEST(ParseDuration, TakesSeconds) {
    EXPECT_EQ(parse_duration("10"), 10s);
    EXPECT_EQ(parse_duration("0"), 0s);
    EXPECT_DOUBLE_EQ(seconds(parse_duration("1.5")), 1.5);
    EXPECT_DOUBLE_EQ(seconds(parse_duration(".25")), 0.25);
}

TEST(ParseDuration, TakesUnits) {
    EXPECT_EQ(parse_duration("90s"), 90s);
    EXPECT_EQ(parse_duration("1m30s"), 90s);
    EXPECT_EQ(parse_duration("2d4h"), 52h);
    EXPECT_EQ(parse_duration("1D2H3M4S"), 26h + 3min + 4s);
    EXPECT_EQ(parse_duration("1.5h"), 90min);
}

TEST(ParseDuration, RefusesAnythingElse) {
    for (const char* text :
         {"",    " ",   "x",    "1x",   "-1",   "-0",  "+1",   "1m30", "s",           "1 s",   " 1",   "1 ",
          "inf", "nan", "nans", "infs", "0x10", "1e3", "1:30", "1,5",  "99999999999", "1m-1s", "1.5.5"}) {
        expect_refused(parse_duration, text);
    }
}

TEST(ParseTimeout, TakesADurationOrAPercentage) {
    EXPECT_EQ(parse_timeout("1m").fixed, 60s);
    EXPECT_FALSE(parse_timeout("1m").of_median);
    EXPECT_DOUBLE_EQ(parse_timeout("200%").of_median.value(), 2.0);
    EXPECT_DOUBLE_EQ(parse_timeout("0.5%").of_median.value(), 0.005);
    EXPECT_FALSE(parse_timeout("200%").fixed);
    EXPECT_TRUE(parse_timeout("200%").active());
    EXPECT_FALSE(schedule::Timeout{}.active());
}

TEST(ParseTimeout, OfZeroIsNone) {
    for (const char* text : {"0", "0.0", "0s", "0m0s", "0%", "0.0%"})
        EXPECT_FALSE(parse_timeout(text).active()) << text;
}

TEST(ParseTimeout, RefusesAnythingElse) {
    for (const char* text : {"", "%", "-0%", "-5%", "x%", "nan%", "inf%", "1m%", "5%%", "5 %", "x"}) {
        expect_refused(parse_timeout, text);
    }
}

TEST(TimeoutRule, OfAnyPercentageIsATimeThatTheClockHas) {
    schedule::TimeoutRule rule(parse_timeout("900000000%"));
    for (int i = 0; i < schedule::median_needs; ++i) rule.succeeded(std::chrono::hours(24));
    EXPECT_GT(rule.limit().value(), std::chrono::hours(24));
}

TEST(TimeoutRule, FollowsTheMedianOnceItMeansSomething) {
    schedule::TimeoutRule rule(parse_timeout("200%"));
    EXPECT_FALSE(rule.limit());
    rule.succeeded(10s);
    rule.succeeded(1s);
    EXPECT_FALSE(rule.limit());
    rule.succeeded(4s);
    ASSERT_TRUE(rule.limit());
    EXPECT_DOUBLE_EQ(seconds(*rule.limit()), 8.0);
}

TEST(TimeoutRule, KeepsAFixedLimit) {
    schedule::TimeoutRule rule(parse_timeout("5"));
    EXPECT_EQ(rule.limit(), 5s);
    for (int i = 0; i < 10; ++i) rule.succeeded(100s);
    EXPECT_EQ(rule.limit(), 5s);
}

TEST(Median, HasNoneAtFirst) {
    EXPECT_EQ(Median().value(), std::nullopt);
}

TEST(Median, IsThatOfTheSortedValues) {
    std::mt19937 random(5);
    for (int round = 0; round < 20; ++round) {
        Median median;
        std::vector<double> all;
        for (int i = 0; i < 300; ++i) {
            // Few different values: equal ones are the interesting ones.
            double value = static_cast<double>(random() % 50) / 7;
            median.add(value);
            all.insert(std::upper_bound(all.begin(), all.end(), value), value);
            ASSERT_EQ(median.value(), all[(all.size() - 1) / 2]) << "after " << all.size() << " values";
        }
    }
}

TEST(Median, StaysCloseOnceValuesAreForgotten) {
    std::mt19937 random(6);
    Median median;
    for (int i = 0; i < 350'000; ++i) median.add(std::uniform_real_distribution<>(0, 1)(random));
    EXPECT_NEAR(median.value().value(), 0.5, 0.02);
}

TEST(ParseLadder, TakesSignalsAndTimes) {
    process::Ladder ladder = parse_ladder("TERM,200,sigint,0,9,25");
    ASSERT_EQ(ladder.size(), 3u);
    EXPECT_EQ(ladder[0].signal, SIGTERM);
    EXPECT_EQ(ladder[0].wait, 200ms);
    EXPECT_EQ(ladder[1].signal, SIGINT);
    EXPECT_EQ(ladder[1].wait, 0ms);
    EXPECT_EQ(ladder[2].signal, SIGKILL);
    EXPECT_EQ(ladder[2].wait, 25ms);
}

TEST(ParseLadder, LetsTheLastTimeBeLeftOut) {
    process::Ladder ladder = parse_ladder("INT,1000,KILL");
    ASSERT_EQ(ladder.size(), 2u);
    EXPECT_EQ(ladder[1].signal, SIGKILL);
}

TEST(ParseLadder, NamesTheWrongPart) {
    auto part = [](const char* text, const char* wrong) {
        try {
            parse_ladder(text);
            ADD_FAILURE() << "accepted: " << text;
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string(error.what()).find(std::string("'") + wrong + "'"), std::string::npos)
                << error.what();
        }
    };
    part("", "");
    part("TREM,200", "TREM");
    part("TERM,soon", "soon");
    part("TERM,-1", "-1");
    part("TERM,200,", "");
    part("TERM,200,KILL,2x", "2x");
}

TEST(ParseLadder, DefaultIsThatOfGnuParallel) {
    process::Ladder expected = parse_ladder("TERM,200,TERM,100,TERM,50,KILL,25");
    process::Ladder ladder = process::default_ladder();
    ASSERT_EQ(ladder.size(), expected.size());
    for (std::size_t i = 0; i < ladder.size(); ++i) {
        EXPECT_EQ(ladder[i].signal, expected[i].signal);
        EXPECT_EQ(ladder[i].wait, expected[i].wait);
    }
}

TEST(ParseJobs, TakesEveryForm) {
    EXPECT_EQ(parse_jobs("4", 8), 4u);
    EXPECT_EQ(parse_jobs("+2", 8), 10u);
    EXPECT_EQ(parse_jobs("-1", 8), 7u);
    EXPECT_EQ(parse_jobs("+0", 8), 8u);
    EXPECT_EQ(parse_jobs("50%", 8), 4u);
    EXPECT_EQ(parse_jobs("100%", 8), 8u);
    EXPECT_EQ(parse_jobs("200%", 3), 6u);
    EXPECT_EQ(parse_jobs("0", 8), std::numeric_limits<std::uint64_t>::max());
}

TEST(ParseJobs, NeverGivesLessThanOne) {
    EXPECT_EQ(parse_jobs("-100", 8), 1u);
    EXPECT_EQ(parse_jobs("1%", 8), 1u);
    EXPECT_EQ(parse_jobs("0%", 8), 1u);
}

TEST(ParseJobs, RefusesAnythingElse) {
    for (const char* text : {"", "+", "-", "%", "x", "4x", "1.5", "--1", "+-1", " 4", "4 ", "1e9x", "nan", "inf",
                             "nan%", "inf%", "99999999999999999999"}) {
        EXPECT_EQ(parse_jobs(text, 8), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace haid
