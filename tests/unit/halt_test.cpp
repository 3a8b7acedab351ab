// When a run stops before everything has run: the texts, the condition, and what the schedule makes of it.
#include "schedule/halt.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "schedule/schedule.hpp"

namespace haid::schedule {
namespace {

using When = Halt::When;
using On = Halt::On;

void expect_halt(std::string_view text, When when, On on, std::uint64_t count) {
    Halt halt = parse_halt(text);
    EXPECT_EQ(halt.when, when) << text;
    EXPECT_EQ(halt.on, on) << text;
    EXPECT_EQ(halt.count, count) << text;
    EXPECT_FALSE(halt.percent) << text;
    EXPECT_FALSE(halt.needs_total()) << text;
}

void expect_percent(std::string_view text, When when, On on, double percent) {
    Halt halt = parse_halt(text);
    EXPECT_EQ(halt.when, when) << text;
    EXPECT_EQ(halt.on, on) << text;
    ASSERT_TRUE(halt.percent) << text;
    EXPECT_DOUBLE_EQ(*halt.percent, percent) << text;
    EXPECT_TRUE(halt.needs_total()) << text;
}

TEST(ParseHalt, KnowsNever) {
    EXPECT_FALSE(parse_halt("never").active());
    EXPECT_FALSE(parse_halt("0").active());
    EXPECT_FALSE(parse_halt("never").needs_total());
}

TEST(ParseHalt, KnowsCounts) {
    expect_halt("soon,fail=1", When::soon, On::fail, 1);
    expect_halt("soon,success=2", When::soon, On::success, 2);
    expect_halt("soon,done=3", When::soon, On::done, 3);
    expect_halt("now,fail=4", When::now, On::fail, 4);
    expect_halt("now,success=5", When::now, On::success, 5);
    expect_halt("now,done=100", When::now, On::done, 100);
}

TEST(ParseHalt, KnowsPercentages) {
    expect_percent("soon,fail=10%", When::soon, On::fail, 0.1);
    expect_percent("now,success=30%", When::now, On::success, 0.3);
    expect_percent("now,done=100%", When::now, On::done, 1.0);
}

TEST(ParseHalt, KnowsTheOldForms) {
    expect_halt("1", When::soon, On::fail, 1);
    expect_halt("2", When::now, On::fail, 1);
    expect_halt("-1", When::soon, On::success, 1);
    expect_halt("-2", When::now, On::success, 1);
    expect_percent("5%", When::soon, On::fail, 0.05);
}

TEST(ParseHalt, RefusesAnythingElseAndSaysWhatIsAllowed) {
    for (const char* text : {"",
                             "3",
                             "-3",
                             "later",
                             "soon",
                             "now",
                             "soon,",
                             "soon,fail",
                             "soon,fail=",
                             "soon,fail=0",
                             "soon,fail=0%",
                             "soon,fail=-1",
                             "soon,fail=x",
                             "soon,fail=1x",
                             "soon,fail=1%%",
                             "soon,lost=1",
                             "fail=1",
                             "%",
                             "x%",
                             "soon,fail=%",
                             " soon,fail=1",
                             "soon,fail=1 "}) {
        try {
            parse_halt(text);
            ADD_FAILURE() << "accepted: '" << text << "'";
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string(error.what()).find(std::string("'") + text + "'"), std::string::npos) << error.what();
            EXPECT_NE(std::string(error.what()).find("soon,fail=N"), std::string::npos) << error.what();
        }
    }
}

TEST(Reached, CountsWhatItWasToldTo) {
    Tally tally{10, 3, 2};
    EXPECT_FALSE(reached(parse_halt("never"), tally, 10));
    EXPECT_TRUE(reached(parse_halt("soon,fail=2"), tally, std::nullopt));
    EXPECT_FALSE(reached(parse_halt("soon,fail=3"), tally, std::nullopt));
    EXPECT_TRUE(reached(parse_halt("now,success=3"), tally, std::nullopt));
    EXPECT_FALSE(reached(parse_halt("now,success=4"), tally, std::nullopt));
    EXPECT_TRUE(reached(parse_halt("now,done=5"), tally, std::nullopt));
    EXPECT_FALSE(reached(parse_halt("now,done=6"), tally, std::nullopt));
}

TEST(Reached, TakesAPercentageOfAllInputs) {
    Tally tally{10, 3, 2};
    EXPECT_TRUE(reached(parse_halt("soon,fail=20%"), tally, 10));
    EXPECT_FALSE(reached(parse_halt("soon,fail=20%"), tally, 11));
    EXPECT_FALSE(reached(parse_halt("soon,fail=21%"), tally, 10));
}

TEST(Reached, WaitsForTheTotalBeforeItTakesAPercentage) {
    EXPECT_FALSE(reached(parse_halt("soon,fail=1%"), Tally{10, 0, 10}, std::nullopt));
}

TEST(Reached, NeedsAtLeastOneEvent) {
    EXPECT_FALSE(reached(parse_halt("soon,fail=10%"), Tally{5, 5, 0}, 0));
    EXPECT_FALSE(reached(parse_halt("soon,success=1%"), Tally{5, 0, 5}, 10));
}

using namespace std::chrono_literals;
using Next = Schedule::Verdict::Next;

constexpr Time start{1000s};

Policy halting(const char* halt, std::uint64_t slots = 3) {
    Policy policy;
    policy.slots = slots;
    policy.halt = parse_halt(halt);
    return policy;
}

// The slot in which it started, 0 where nothing was permitted.
Slot begin(Schedule& schedule, Id id) {
    auto permit = schedule.permit(start, true);
    if (!permit) return 0;
    schedule.started(*permit, id, start);
    return permit->slot;
}

Next end(Schedule& schedule, Slot slot, bool succeeded) {
    return schedule.ended(slot, succeeded, start).next;
}

TEST(HaltingSchedule, NeverGoesOnAfterFailures) {
    Schedule schedule(halting("never"));
    for (Id id = 1; id <= 20; ++id) EXPECT_EQ(end(schedule, begin(schedule, id), false), Next::report);
    EXPECT_FALSE(schedule.halted());
    EXPECT_NE(begin(schedule, 21), 0u);
}

TEST(HaltingSchedule, SoonLetsTheOthersEnd) {
    Schedule schedule(halting("soon,fail=1"));
    begin(schedule, 1);
    begin(schedule, 2);
    end(schedule, 1, false);
    EXPECT_TRUE(schedule.halted());
    EXPECT_EQ(begin(schedule, 3), 0u);
    EXPECT_TRUE(schedule.due(start + 1h).empty()) << "nobody is ended";
    EXPECT_FALSE(schedule.finished());
    EXPECT_EQ(end(schedule, 2, true), Next::report);
    EXPECT_TRUE(schedule.finished());
}

TEST(HaltingSchedule, NowEndsTheOthersAndForgetsThem) {
    Schedule schedule(halting("now,success=2"));
    for (Id id = 1; id <= 3; ++id) begin(schedule, id);
    end(schedule, 1, true);
    EXPECT_FALSE(schedule.halted());
    end(schedule, 3, true);
    EXPECT_TRUE(schedule.halted());
    auto signals = schedule.due(start);
    ASSERT_EQ(signals.size(), 1u);
    EXPECT_EQ(signals[0].slot, 2u);
    EXPECT_EQ(signals[0].cause, Cause::stop);
    EXPECT_EQ(end(schedule, 2, true), Next::forget);
    EXPECT_EQ(schedule.tally().done(), 2u);
    EXPECT_TRUE(schedule.finished());
}

TEST(HaltingSchedule, CountsWhatItWasToldTo) {
    struct Case {
        const char* halt;
        bool first, second;  // outcomes
        bool after_first, after_second;
    };
    for (const Case& c :
         {Case{"soon,fail=2", false, false, false, true}, Case{"soon,fail=2", false, true, false, false},
          Case{"now,success=1", false, true, false, true}, Case{"now,success=1", true, true, true, true},
          Case{"soon,done=2", true, false, false, true}, Case{"now,fail=50%", true, false, false, false},
          Case{"now,fail=25%", false, true, true, true}, Case{"soon,done=50%", true, false, false, true},
          Case{"soon,success=50%", true, true, false, true}}) {
        Schedule schedule(halting(c.halt, 2));
        schedule.set_total(4);
        begin(schedule, 1);
        begin(schedule, 2);
        end(schedule, 1, c.first);
        EXPECT_EQ(schedule.halted(), c.after_first) << c.halt << " after the first";
        end(schedule, 2, c.second);
        EXPECT_EQ(schedule.halted(), c.after_second) << c.halt << " after the second";
        EXPECT_EQ(schedule.stopping(), c.after_second) << c.halt;
    }
}

TEST(HaltingSchedule, ARetriedFailureDoesNotCountForAHalt) {
    Policy retrying = halting("now,fail=1", 1);
    retrying.attempts = 2;
    Schedule schedule(retrying);
    end(schedule, begin(schedule, 1), false);
    EXPECT_FALSE(schedule.halted());
    end(schedule, begin(schedule, 1), false);
    EXPECT_TRUE(schedule.halted());
}

}  // namespace
}  // namespace haid::schedule
