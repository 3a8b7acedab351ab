#include "command/exit_status.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include "schedule/halt.hpp"

namespace haid::command {
namespace {

using schedule::Cause;
using schedule::Halt;
using schedule::Tally;

Tally tally(std::uint64_t succeeded, std::uint64_t failed) {
    return {succeeded + failed, succeeded, failed};
}

schedule::Ending ended(int status, int signal = 0, Cause cause = Cause::none) {
    return {.cause = cause, .exit_status = status, .signal = signal};
}

// The status of a run of 20 inputs that its halt stopped at this ending.
int halted(const char* halt, const schedule::Ending& ending, const Tally& at) {
    ExitStatus status(schedule::parse_halt(halt), false);
    status.halted_by(ending, at, 20);
    return status.value(at);
}

const Halt no_halt;

TEST(ExitStatus, IsTheNumberOfFailuresUpTo101) {
    ExitStatus status(no_halt, false);
    EXPECT_EQ(status.value({}), 0);
    EXPECT_EQ(status.value(tally(5, 0)), 0);
    EXPECT_EQ(status.value(tally(5, 1)), 1);
    EXPECT_EQ(status.value(tally(0, 100)), 100);
    EXPECT_EQ(status.value(tally(0, 101)), 101);
    EXPECT_EQ(status.value(tally(0, 1'000'000'000'000)), 101);
}

TEST(ExitStatus, OfAHaltAtOneJobIsThatJobs) {
    EXPECT_EQ(halted("now,fail=1", ended(7), tally(3, 1)), 7);
    EXPECT_EQ(halted("soon,fail=1", ended(0, SIGKILL), tally(3, 1)), 128 + SIGKILL);
    EXPECT_EQ(halted("now,done=1", ended(3), tally(0, 1)), 3);
    EXPECT_EQ(halted("now,done=1", ended(0), tally(1, 0)), 0);
    EXPECT_EQ(halted("now,fail=1", ended(-1, SIGTERM, Cause::timeout), tally(3, 1)), 255) << "it took too long";
}

TEST(ExitStatus, OfAHaltAtSeveralJobsIsTheNumberOfFailures) {
    EXPECT_EQ(halted("now,fail=3", ended(7), tally(3, 3)), 3);
    EXPECT_EQ(halted("soon,done=4", ended(7), tally(2, 2)), 2);
    EXPECT_EQ(halted("soon,fail=200", ended(7), tally(0, 200)), 101);
}

TEST(ExitStatus, OfAHaltAtASuccessIsZero) {
    EXPECT_EQ(halted("now,success=1", ended(0), tally(1, 5)), 0);
    EXPECT_EQ(halted("soon,success=50%", ended(0), tally(10, 5)), 0);
}

TEST(ExitStatus, OfAHaltAtAShareIsTheShareThatFailedRoundedUp) {
    EXPECT_EQ(halted("soon,fail=10%", ended(7), tally(5, 2)), 10);
    EXPECT_EQ(halted("soon,fail=13%", ended(7), tally(5, 3)), 15);
    EXPECT_EQ(halted("soon,done=25%", ended(0), tally(4, 1)), 5);
    ExitStatus of_unknown(schedule::parse_halt("soon,done=25%"), false);
    of_unknown.halted_by(ended(1), tally(2, 1), std::nullopt);
    EXPECT_EQ(of_unknown.value(tally(2, 1)), 34) << "of those that were started";
}

TEST(ExitStatus, OfAShareThatWasNotReachedIsTheShareOfThoseStartedThatFailed) {
    ExitStatus status(schedule::parse_halt("soon,fail=50%"), false);
    EXPECT_EQ(status.value(tally(2, 1)), 34);
    EXPECT_EQ(status.value(tally(9, 0)), 0);
    EXPECT_EQ(status.value({}), 0);
}

TEST(ExitStatus, TheFirstEndingThatHaltsDecides) {
    ExitStatus status(schedule::parse_halt("soon,fail=1"), false);
    status.halted_by(ended(7), tally(0, 1), std::nullopt);
    status.halted_by(ended(9), tally(0, 2), std::nullopt);
    EXPECT_EQ(status.value(tally(0, 5)), 7);
}

TEST(ExitStatus, OfAnInterruptedRunIsTheSignalOnlyWhereJobsWereLeft) {
    for (int signal : {SIGHUP, SIGINT, SIGTERM}) {
        ExitStatus status(no_halt, false);
        status.interrupted(signal);
        EXPECT_EQ(status.value(tally(3, 2)), 2) << "everything was run";
        status.left_jobs();
        EXPECT_EQ(status.value(tally(3, 2)), 128 + signal);
    }
}

TEST(ExitStatus, JobsThatWereLeftWithoutASignalDoNotCount) {
    ExitStatus status(no_halt, false);
    status.left_jobs();
    EXPECT_EQ(status.value(tally(3, 2)), 2);
}

TEST(ExitStatus, AsParallelAnInterruptedRunIs255AndAHangupTheNumberOfFailures) {
    for (auto [signal, expected] : {std::pair{SIGINT, 255}, {SIGTERM, 255}, {SIGHUP, 2}}) {
        ExitStatus status(no_halt, true);
        status.interrupted(signal);
        status.left_jobs();
        EXPECT_EQ(status.value(tally(3, 2)), expected) << signal;
    }
}

TEST(ExitStatus, AHaltOutranksASignalAndAFaultOutranksBoth) {
    ExitStatus status(schedule::parse_halt("now,fail=1"), false);
    status.interrupted(SIGTERM);
    status.left_jobs();
    EXPECT_EQ(status.value(tally(0, 1)), 128 + SIGTERM);
    status.halted_by(ended(7), tally(0, 1), std::nullopt);
    EXPECT_EQ(status.value(tally(0, 1)), 7);
    EXPECT_FALSE(status.has_fault());
    status.fault(141);
    EXPECT_TRUE(status.has_fault());
    EXPECT_EQ(status.value(tally(0, 1)), 141);
}

}  // namespace
}  // namespace haid::command
