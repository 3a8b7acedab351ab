// Faults in the middle of a run: the run ends, no ending is lost, and nothing is left running. Where a fault comes up
// while several endings are told, no further SIGCHLD comes for the rest; a run that waits for one never ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "command/run.hpp"
#include "failing_calls.hpp"
#include "run_fixture.hpp"

namespace haid::command {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Grouping = RunSettings::Grouping;

constexpr int reader_gone = 128 + SIGPIPE;

class RunFaultsTest : public RunTest {
  protected:
    RunFaultsTest() { settings_.policy.slots = 4; }

    // The first jobs end together as soon as four run; the others would run for ever.
    void end_first(std::uint64_t count) {
        machine_.on_start = [this, count](const Job& job) {
            if (job.sequence != 4) return;
            for (std::uint64_t i = 1; i <= count; ++i) machine_.end(i, {.status = 1, .output = "x\n", .error = "y\n"});
        };
    }

    void expect_ended() {
        EXPECT_TRUE(machine_.nothing_left());
        EXPECT_TRUE(machine_.output_is_discarded) << "jobs that are being ended must not wait for a reader";
        EXPECT_EQ(started(), (std::vector<std::uint64_t>{1, 2, 3, 4})) << "nothing starts after a fault";
    }
};

TEST_F(RunFaultsTest, AReaderThatGoesAwayEndsTheRunWhereSeveralJobsEndTogether) {
    for (bool keep_order : {false, true}) {
        for (Grouping grouping : {Grouping::whole, Grouping::lines, Grouping::none}) {
            SCOPED_TRACE(testing::Message() << keep_order << static_cast<int>(grouping));
            settings_.keep_order = keep_order;
            settings_.grouping = grouping;
            end_first(4);
            EXPECT_EQ(run_without_reader(20), reader_gone);
            expect_ended();
            EXPECT_THAT(machine_.signals, IsEmpty()) << "all had ended";
            EXPECT_THAT(logged(), IsEmpty()) << "nothing was delivered";
            EXPECT_EQ(error_, "") << "it is no fault worth a word";
        }
    }
}

TEST_F(RunFaultsTest, AReaderThatGoesAwayEndsTheJobsThatStillRun) {
    end_first(2);
    machine_.on_signal = [&](const Job& job, int number) {
        if (number == SIGKILL) machine_.end(job.sequence, {.signal = number});
    };
    EXPECT_EQ(run_without_reader(20), reader_gone);
    expect_ended();
    EXPECT_THAT(machine_.signals, UnorderedElementsAre(Pair(3, SIGTERM), Pair(3, SIGTERM), Pair(3, SIGKILL),
                                                       Pair(4, SIGTERM), Pair(4, SIGTERM), Pair(4, SIGKILL)));
    EXPECT_THAT(logged(), IsEmpty());
}

TEST_F(RunFaultsTest, AReaderThatGoesAwayEndsTheJobsThatStillWriteLines) {
    settings_.grouping = Grouping::lines;
    machine_.on_start = [&](const Job& job) {
        if (job.sequence != 4) return;
        machine_.in_loop([&] { machine_.context().listener.on_output(1, Stream::output, "a line\n"); });
        for (std::uint64_t i : {2, 3}) machine_.end(i);
    };
    EXPECT_EQ(run_without_reader(20), reader_gone);
    expect_ended();
}

TEST_F(RunFaultsTest, AJobLogThatCannotBeWrittenEndsTheRunLoudly) {
    end_first(4);
    auto end_all = machine_.on_start;
    std::optional<FailingCall> write;
    machine_.on_start = [&](const Job& job) {
        if (!write) write.emplace(SystemCall::write, ENOSPC, FailingCall::Which{.first = *machine_.context().job_log});
        end_all(job);
    };
    EXPECT_EQ(run(20), 255);
    expect_ended();
    EXPECT_THAT(machine_.signals, IsEmpty());
    EXPECT_THAT(logged(), IsEmpty());
    EXPECT_EQ(output_, "x\n") << "nothing is printed after the fault";
    EXPECT_THAT(error_, HasSubstr("cannot write the job log '" + settings_.job_log + "'"));
}

TEST_F(RunFaultsTest, ResultsThatCannotBeKeptEndTheRunLoudly) {
    std::ofstream(folder_ + "/file") << "no folder";
    settings_.results = folder_ + "/file/results";
    end_first(4);
    EXPECT_EQ(run(20), 255);
    expect_ended();
    EXPECT_THAT(logged(), IsEmpty());
    EXPECT_THAT(error_, HasSubstr("error: "));
    EXPECT_THAT(error_, HasSubstr(settings_.results));
}

TEST_F(RunFaultsTest, AFaultOfTheRunnerLosesNoEnding) {
    for (int endings_before : {0, 1, 3}) {
        SCOPED_TRACE(endings_before);
        machine_.endings_before_faults = {endings_before};
        end_first(4);
        EXPECT_EQ(run(20), 255);
        expect_ended();
        EXPECT_THAT(logged(), SizeIs(endings_before)) << "what was delivered before is logged, and nothing after";
        EXPECT_THAT(error_, HasSubstr("error: a fault while endings are told\n"));
    }
}

TEST_F(RunFaultsTest, FaultsWhileTheRunEndsChangeNothingAndAreNotTold) {
    machine_.endings_before_faults = {1, 0, 1};
    end_first(3);
    EXPECT_EQ(run(20), 255);
    expect_ended();
    EXPECT_THAT(machine_.endings_before_faults, IsEmpty()) << "all of them happened";
    EXPECT_THAT(machine_.signals, UnorderedElementsAre(Pair(4, SIGTERM)));
    EXPECT_THAT(logged(), SizeIs(1));
    EXPECT_EQ(error_.find("error: "), error_.rfind("error: ")) << error_;
}

}  // namespace
}  // namespace haid::command
