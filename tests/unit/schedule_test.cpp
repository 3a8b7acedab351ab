#include "schedule/schedule.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace haid::schedule {
namespace {

using namespace std::chrono_literals;
using Next = Schedule::Verdict::Next;

constexpr Time start{1000s};

// A schedule, with inputs that never end unless told.
class Driven {
  public:
    explicit Driven(Policy policy) : schedule(std::move(policy)) {}

    // The slot in which it started, 0 where nothing was permitted.
    Slot begin(Id id, Time now = start) {
        auto permit = schedule.permit(now, true);
        if (!permit) return 0;
        EXPECT_FALSE(permit->again) << "an earlier one is to be started again first";
        EXPECT_EQ(permit->attempt, 1u);
        schedule.started(*permit, id, now);
        return permit->slot;
    }
    Slot begin_again(Id id, std::uint64_t attempt, Time now = start) {
        auto permit = schedule.permit(now, false);
        if (!permit) return 0;
        EXPECT_EQ(permit->again, id);
        EXPECT_EQ(permit->attempt, attempt);
        schedule.started(*permit, id, now);
        return permit->slot;
    }
    Next end(Slot slot, bool succeeded, Time now = start) { return schedule.ended(slot, succeeded, now).next; }

    Schedule schedule;
};

Policy policy(std::uint64_t slots) {
    Policy policy;
    policy.slots = slots;
    return policy;
}

TEST(Schedule, TakesTheLowestFreeSlot) {
    Driven run(policy(3));
    EXPECT_EQ(run.begin(1), 1u);
    EXPECT_EQ(run.begin(2), 2u);
    EXPECT_EQ(run.begin(3), 3u);
    EXPECT_EQ(run.begin(4), 0u) << "all slots are taken";
    run.end(3, true);
    run.end(1, true);
    EXPECT_EQ(run.begin(4), 1u);
    EXPECT_EQ(run.begin(5), 3u);
}

TEST(Schedule, WhatFindsNoRoomWhereItMayRunHoldsUpNobody) {
    Policy with_retries = policy(2);
    with_retries.attempts = 3;
    Driven run(with_retries);
    run.begin(1);
    const Slot other = run.begin(2);
    run.end(1, false);
    auto permit = run.schedule.permit(start, true);
    ASSERT_TRUE(permit && permit->again == 1u);
    run.schedule.postponed(*permit);
    const Slot next = run.begin(3);
    EXPECT_NE(next, 0u);
    run.schedule.input_ended();
    run.end(next, true);
    permit = run.schedule.permit(start, false);
    ASSERT_TRUE(permit && permit->again == 1u) << "something has ended";
    run.schedule.postponed(*permit);
    EXPECT_FALSE(run.schedule.permit(start, false));
    run.schedule.set_slots(3);
    permit = run.schedule.permit(start, false);
    ASSERT_TRUE(permit && permit->again == 1u) << "there may be room elsewhere";
    run.schedule.postponed(*permit);
    EXPECT_FALSE(run.schedule.finished());
    run.end(other, true);
    EXPECT_FALSE(run.schedule.finished());
    EXPECT_NE(run.begin_again(1, 2), 0u);
}

TEST(Schedule, PermitsNothingWithoutInput) {
    Driven run(policy(3));
    EXPECT_FALSE(run.schedule.permit(start, false));
}

TEST(Schedule, IsFinishedWhenInputHasEndedAndNothingRuns) {
    Driven run(policy(2));
    Slot slot = run.begin(1);
    EXPECT_FALSE(run.schedule.finished());
    run.schedule.input_ended();
    EXPECT_FALSE(run.schedule.finished());
    EXPECT_EQ(run.end(slot, true), Next::report);
    EXPECT_TRUE(run.schedule.finished());
    EXPECT_EQ(run.schedule.tally().succeeded, 1u);
    EXPECT_EQ(run.schedule.tally().started, 1u);
}

TEST(Schedule, WaitsBetweenStarts) {
    Policy delayed = policy(3);
    delayed.delay = 10s;
    Driven run(delayed);
    EXPECT_EQ(run.begin(1, start), 1u);
    EXPECT_EQ(run.begin(2, start + 9s), 0u);
    EXPECT_EQ(run.schedule.next(), start + 10s);
    EXPECT_EQ(run.begin(2, start + 10s), 2u);
    EXPECT_EQ(run.schedule.next(), start + 20s);
}

TEST(Schedule, TriesAgainUntilTheAttemptsAreUsedUp) {
    Policy retrying = policy(1);
    retrying.attempts = 3;
    Driven run(retrying);
    EXPECT_EQ(run.end(run.begin(7), false), Next::again);
    run.schedule.input_ended();
    EXPECT_FALSE(run.schedule.finished()) << "one is to be started again";
    EXPECT_EQ(run.end(run.begin_again(7, 2), false), Next::again);
    EXPECT_EQ(run.end(run.begin_again(7, 3), false), Next::report);
    EXPECT_TRUE(run.schedule.finished());
    EXPECT_EQ(run.schedule.tally().failed, 1u);
    EXPECT_EQ(run.schedule.tally().started, 1u) << "a job is one job, however often it is tried";
}

TEST(Schedule, AnAttemptOfOneWithALimitOfItsOwnCountsByThat) {
    Policy retrying = policy(2);
    retrying.attempts = 3;
    Driven run(retrying);
    const auto once = run.schedule.permit(start, true);
    run.schedule.started(*once, 7, start, 1);
    const auto endless = run.schedule.permit(start, true);
    run.schedule.started(*endless, 8, start, 0);
    EXPECT_EQ(run.end(once->slot, false), Next::report);
    Slot slot = endless->slot;
    for (std::uint64_t attempt = 2; attempt < 10; ++attempt) {
        ASSERT_EQ(run.end(slot, false), Next::again);
        const auto again = run.schedule.permit(start, false);
        ASSERT_TRUE(again && again->again == 8u);
        run.schedule.started(*again, 8, start, 0);
        slot = again->slot;
    }
}

TEST(Schedule, TriesAgainForeverWithZeroAttempts) {
    Policy endless = policy(1);
    endless.attempts = 0;
    Driven run(endless);
    ASSERT_EQ(run.end(run.begin(7), false), Next::again);
    for (std::uint64_t attempt = 2; attempt < 200; ++attempt) {
        ASSERT_EQ(run.end(run.begin_again(7, attempt), false), Next::again);
    }
    EXPECT_EQ(run.end(run.begin_again(7, 200), true), Next::report);
    EXPECT_EQ(run.schedule.tally().succeeded, 1u);
}

TEST(Schedule, EndsWhatRunsTooLongStepByStep) {
    Policy limited = policy(1);
    limited.timeout = parse_timeout("60");
    limited.ladder = process::parse_ladder("TERM,200,INT,100,KILL,25");
    Driven run(limited);
    Slot slot = run.begin(1, start);
    EXPECT_EQ(run.schedule.next(), start + 60s);
    EXPECT_TRUE(run.schedule.due(start + 59s).empty());

    auto expect_signal = [&](Time now, int number, bool first) {
        EXPECT_EQ(run.schedule.next(), now);
        EXPECT_TRUE(run.schedule.due(now - 1ms).empty());
        auto signals = run.schedule.due(now);
        ASSERT_EQ(signals.size(), 1u);
        EXPECT_EQ(signals[0].slot, slot);
        EXPECT_EQ(signals[0].number, number);
        EXPECT_EQ(signals[0].cause, Cause::timeout);
        EXPECT_EQ(signals[0].first, first);
        EXPECT_TRUE(run.schedule.due(now).empty()) << "each rung once";
    };
    expect_signal(start + 60s, SIGTERM, true);
    expect_signal(start + 60s + 200ms, SIGINT, false);
    expect_signal(start + 60s + 300ms, SIGKILL, false);
    EXPECT_TRUE(run.schedule.due(start + 1h).empty()) << "below the last rung there is nothing";
    auto verdict = run.schedule.ended(slot, true, start + 61s);
    EXPECT_EQ(verdict.next, Next::report);
    EXPECT_EQ(verdict.cause, Cause::timeout);
    EXPECT_EQ(run.schedule.tally().failed, 1u) << "even where it exits with 0";
}

TEST(Schedule, GivesEachRungItsTimeHoweverLateItIsAsked) {
    Policy limited = policy(1);
    limited.timeout = parse_timeout("10");
    limited.ladder = process::parse_ladder("TERM,200,KILL,25");
    Driven run(limited);
    run.begin(1, start);
    EXPECT_EQ(run.schedule.due(start + 1h).at(0).number, SIGTERM);
    EXPECT_TRUE(run.schedule.due(start + 1h + 199ms).empty());
    EXPECT_EQ(run.schedule.due(start + 1h + 200ms).at(0).number, SIGKILL);
}

TEST(Schedule, TimedOutJobsAreTriedAgain) {
    Policy limited = policy(1);
    limited.timeout = parse_timeout("10");
    limited.attempts = 2;
    Driven run(limited);
    Slot slot = run.begin(1, start);
    ASSERT_EQ(run.schedule.due(start + 10s).size(), 1u);
    EXPECT_EQ(run.end(slot, false, start + 11s), Next::again);
    run.begin_again(1, 2, start + 11s);
    EXPECT_TRUE(run.schedule.due(start + 20s).empty()) << "each attempt has the whole time";
    EXPECT_EQ(run.schedule.due(start + 21s).size(), 1u);
}

TEST(Schedule, LimitsByTheMedianOfThoseThatSucceeded) {
    Policy limited = policy(5);
    limited.timeout = parse_timeout("200%");
    Driven run(limited);
    for (Id id = 1; id <= 5; ++id) run.begin(id, start);
    run.end(1, false, start + 100s);  // says nothing about how long it should take
    run.end(2, true, start + 200s);
    run.end(3, true, start + 300s);
    EXPECT_EQ(run.schedule.next(), std::nullopt) << "two say too little";
    run.end(4, true, start + 400s);
    EXPECT_EQ(run.schedule.next(), start + 600s);
    EXPECT_TRUE(run.schedule.due(start + 599s).empty());
    auto signals = run.schedule.due(start + 600s);
    ASSERT_EQ(signals.size(), 1u);
    EXPECT_EQ(signals[0].slot, 5u);
}

TEST(Schedule, StopStartingLetsWhatRunsEnd) {
    Policy retrying = policy(2);
    retrying.attempts = 5;
    Driven run(retrying);
    Slot slot = run.begin(1);
    run.schedule.stop_starting();
    EXPECT_EQ(run.begin(2), 0u);
    EXPECT_EQ(run.end(slot, false), Next::report) << "no further attempt will be made";
    EXPECT_TRUE(run.schedule.finished());
    EXPECT_FALSE(run.schedule.halted());
}

TEST(Schedule, EndAllForgetsWhatItEnds) {
    Driven run(policy(2));
    run.begin(1);
    run.begin(2);
    run.schedule.end_all(start);
    EXPECT_EQ(run.schedule.due(start).size(), 2u);
    EXPECT_EQ(run.schedule.ended(1, true, start).next, Next::forget);
    auto verdict = run.schedule.ended(2, false, start);
    EXPECT_EQ(verdict.next, Next::forget);
    EXPECT_EQ(verdict.cause, Cause::stop);
    EXPECT_EQ(run.schedule.tally().done(), 0u);
    EXPECT_TRUE(run.schedule.finished());
}

TEST(Schedule, EndOneFailsThatOneAlone) {
    Driven run(policy(2));
    run.begin(1);
    run.begin(2);
    run.schedule.end_one(1, Cause::terminal, start);
    run.schedule.end_one(7, Cause::terminal, start);
    auto signals = run.schedule.due(start);
    ASSERT_EQ(signals.size(), 1u);
    EXPECT_EQ(signals[0].slot, 1u);
    EXPECT_EQ(signals[0].cause, Cause::terminal);
    EXPECT_EQ(run.end(1, true), Next::report);
    EXPECT_EQ(run.end(2, true), Next::report);
    EXPECT_EQ(run.schedule.tally().failed, 1u);
}

TEST(Schedule, EndAllKeepsThePlaceOnTheLadder) {
    Policy limited = policy(1);
    limited.timeout = parse_timeout("10");
    limited.ladder = process::parse_ladder("TERM,200,KILL,25");
    Driven run(limited);
    run.begin(1, start);
    EXPECT_EQ(run.schedule.due(start + 10s).at(0).number, SIGTERM);
    run.schedule.end_all(start + 10s + 100ms);
    EXPECT_TRUE(run.schedule.due(start + 10s + 100ms).empty()) << "it was asked to end already";
    EXPECT_EQ(run.schedule.due(start + 10s + 200ms).at(0).number, SIGKILL);
    EXPECT_EQ(run.end(1, false, start + 11s), Next::forget);
}

TEST(Schedule, WantOfMemoryPutsItBackWithoutUsingAnAttempt) {
    Driven run(policy(2));
    run.begin(1, start);
    run.begin(2, start + 1s);
    run.schedule.end_one(2, Cause::memory, start + 2s);
    auto signals = run.schedule.due(start + 2s);
    ASSERT_EQ(signals.size(), 1u);
    EXPECT_EQ(signals[0].slot, 2u);
    EXPECT_EQ(signals[0].cause, Cause::memory);
    auto verdict = run.schedule.ended(2, false, start + 3s);
    EXPECT_EQ(verdict.next, Next::again);
    EXPECT_EQ(verdict.cause, Cause::memory);
    EXPECT_EQ(run.begin_again(2, 1, start + 4s), 2u);
    EXPECT_EQ(run.end(2, true, start + 5s), Next::report);
    EXPECT_EQ(run.schedule.tally().started, 2u) << "two jobs, one of them started twice";
}

TEST(Schedule, WantOfMemoryPromisesNoOtherStartOnceTheRunStops) {
    Driven run(policy(2));
    run.begin(1);
    run.schedule.end_one(1, Cause::memory, start);
    run.schedule.stop_starting();
    EXPECT_EQ(run.end(1, false), Next::forget) << "`again` says that it will be permitted once more";
    EXPECT_TRUE(run.schedule.finished());
}

TEST(Schedule, ASuspensionDoesNotCount) {
    Policy limited = policy(2);
    limited.timeout = parse_timeout("60");
    limited.delay = 5s;
    limited.ladder = process::parse_ladder("TERM,200,KILL,25");
    Driven run(limited);
    run.begin(1, start);
    run.schedule.suspended(1h);
    EXPECT_EQ(run.begin(2, start + 1h), 0u) << "the delay waits as well";
    EXPECT_EQ(run.schedule.next(), start + 1h + 5s);
    EXPECT_TRUE(run.schedule.due(start + 1h + 59s).empty());
    EXPECT_EQ(run.schedule.due(start + 1h + 60s).at(0).number, SIGTERM);
    run.schedule.suspended(1h);
    EXPECT_TRUE(run.schedule.due(start + 2h + 60s).empty());
    EXPECT_EQ(run.schedule.due(start + 2h + 60s + 200ms).at(0).number, SIGKILL);
}

TEST(Schedule, StartsNothingWhileHeld) {
    Policy delayed = policy(2);
    delayed.delay = 5s;
    Driven run(delayed);
    run.begin(1, start);
    run.schedule.hold(true);
    EXPECT_EQ(run.begin(2, start + 1h), 0u);
    EXPECT_EQ(run.schedule.next(), std::nullopt) << "time changes nothing";
    run.schedule.hold(false);
    EXPECT_EQ(run.begin(2, start + 1h), 2u);
}

TEST(Schedule, AWithdrawnStartIsTriedLater) {
    Policy retrying = policy(2);
    retrying.attempts = 2;
    Driven run(retrying);
    run.end(run.begin(1), false);
    auto permit = run.schedule.permit(start, true);
    ASSERT_TRUE(permit && permit->again == 1u);
    run.schedule.withdrawn(*permit, start + 10s);
    EXPECT_FALSE(run.schedule.permit(start + 9s, true));
    EXPECT_EQ(run.schedule.next(), start + 10s);
    EXPECT_EQ(run.begin_again(1, 2, start + 10s), 1u) << "in the same slot, with the same attempt";
}

TEST(Schedule, FewerSlotsTakeEffectAsJobsEnd) {
    Driven run(policy(3));
    for (Id id = 1; id <= 3; ++id) run.begin(id);
    run.schedule.set_slots(1);
    run.end(1, true);
    EXPECT_EQ(run.begin(4), 0u);
    run.end(2, true);
    EXPECT_EQ(run.begin(4), 0u);
    run.end(3, true);
    EXPECT_EQ(run.begin(4), 1u);
    EXPECT_EQ(run.begin(5), 0u);
    run.schedule.set_slots(2);
    EXPECT_EQ(run.begin(5), 2u);
}

Policy policy_that_closes(std::uint64_t slots, Duration in) {
    Policy closing = policy(slots);
    closing.closing.at = start + in;
    closing.closing.notice = 10s;
    return closing;
}

TEST(Schedule, StartsNothingThatCannotEndInTime) {
    Policy closing = policy_that_closes(2, 100s);
    closing.closing.per_job = 30s;
    Driven run(closing);
    EXPECT_EQ(run.begin(1, start + 60s), 1u);
    EXPECT_FALSE(run.schedule.permit(start + 61s, false)) << "nothing is wanted";
    EXPECT_FALSE(run.schedule.out_of_time());
    EXPECT_FALSE(run.schedule.permit(start + 61s, true));
    EXPECT_TRUE(run.schedule.out_of_time());
    EXPECT_TRUE(run.schedule.stopping());
    EXPECT_EQ(run.end(1, true, start + 80s), Next::report);
    EXPECT_TRUE(run.schedule.finished());
}

TEST(Schedule, TakesJobsToNeedAsLongAsTheLongestSoFar) {
    Driven run(policy_that_closes(1, 100s));
    EXPECT_EQ(run.begin(1), 1u);
    run.end(1, true, start + 40s);
    EXPECT_EQ(run.begin(2, start + 40s), 1u);
    run.end(1, false, start + 49s);  // says nothing of how long one takes that succeeds
    EXPECT_EQ(run.begin(3, start + 49s), 1u);
    run.end(1, true, start + 51s);
    EXPECT_EQ(run.begin(4, start + 51s), 0u);
    EXPECT_TRUE(run.schedule.out_of_time());
}

TEST(Schedule, EndsWhatStillRunsBeforeTheEnd) {
    Driven run(policy_that_closes(2, 100s));
    EXPECT_EQ(run.begin(1), 1u);
    EXPECT_EQ(run.begin(2), 2u);
    EXPECT_EQ(run.schedule.next(), start + 90s);
    EXPECT_TRUE(run.schedule.due(start + 89s).empty());
    auto signals = run.schedule.due(start + 90s);
    ASSERT_EQ(signals.size(), 2u);
    EXPECT_EQ(signals[0].number, SIGTERM);
    EXPECT_TRUE(run.schedule.out_of_time());
    EXPECT_EQ(run.end(1, false, start + 90s), Next::forget);
    EXPECT_TRUE(run.schedule.due(start + 90s).empty()) << "each rung once";
    EXPECT_EQ(run.end(2, false, start + 91s), Next::forget);
    EXPECT_TRUE(run.schedule.finished());
}

TEST(Schedule, WhatIsLostIsStartedAgainAndUsesUpNoAttempt) {
    Policy twice = policy(1);
    twice.attempts = 2;
    Driven run(twice);
    EXPECT_EQ(run.begin(1), 1u);
    EXPECT_EQ(run.schedule.lost(1, start).next, Next::again);
    EXPECT_EQ(run.begin_again(1, 1), 1u);
    EXPECT_EQ(run.end(1, false), Next::again);
    EXPECT_EQ(run.begin_again(1, 2), 1u);
    run.schedule.stop_starting();
    EXPECT_EQ(run.schedule.lost(1, start).next, Next::forget) << "nobody would start it";
    EXPECT_TRUE(run.schedule.finished());
}

TEST(Schedule, WhatIsLostAgainHasFailed) {
    Policy twice = policy(1);
    twice.attempts = 2;
    Driven run(twice);
    run.begin(1);
    EXPECT_FALSE(run.schedule.lost(1, start).used_attempt);
    EXPECT_EQ(run.begin_again(1, 1), 1u);
    Schedule::Verdict verdict = run.schedule.lost(1, start);
    EXPECT_EQ(verdict.next, Next::again);
    EXPECT_TRUE(verdict.used_attempt);
    EXPECT_EQ(run.begin_again(1, 2), 1u);
    EXPECT_EQ(run.schedule.lost(1, start).next, Next::report);
    EXPECT_EQ(run.schedule.tally().failed, 1u);
}

}  // namespace
}  // namespace haid::schedule
