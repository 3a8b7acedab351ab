// What a run does with its jobs and their endings, without any process: see fake_runner.hpp.
#include "command/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "run_fixture.hpp"

namespace haid::command {
namespace {

using namespace std::chrono_literals;
using schedule::Halt;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

// Takes all that comes through a pipe.
class Reader : public system::Watcher {
  public:
    explicit Reader(int pipe) : pipe_(pipe) {}
    void on_ready(std::uint32_t) override {
        static char buffer[64 * 1024];
        for (ssize_t read; (read = ::read(pipe_, buffer, sizeof buffer)) > 0;) size += static_cast<std::size_t>(read);
    }
    std::size_t size = 0;

  private:
    int pipe_;
};

// -- starting

TEST_F(RunTest, FillsAllSlotsAndNoMore) {
    settings_.policy.slots = 3;
    EXPECT_EQ(run(10), 0);
    EXPECT_EQ(machine_.most_running, 3u);
    EXPECT_THAT(started(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    EXPECT_EQ(logged().size(), 10u);
    EXPECT_TRUE(machine_.nothing_left());
}

TEST_F(RunTest, AJobTakesTheSlotOfTheOneThatEnded) {
    settings_.policy.slots = 3;
    settings_.command = {"job", "{#}", "{%}"};
    machine_.on_start = [&](const Job& job) {
        if (job.sequence == 3) machine_.end(2);
        if (job.sequence == 4) machine_.end(1);
        if (job.sequence == 5) {
            for (std::uint64_t left : {3, 4, 5}) machine_.end(left);
        }
    };
    EXPECT_EQ(run(5), 0);
    std::vector<std::string> lines;
    for (const Job& job : machine_.starts) lines.push_back(job.line);
    EXPECT_THAT(lines, ElementsAre("job 1 1", "job 2 2", "job 3 3", "job 4 2", "job 5 1"));
}

TEST_F(RunTest, WithoutInputsNothingStarts) {
    EXPECT_EQ(run(0), 0);
    EXPECT_THAT(started(), IsEmpty());
}

TEST_F(RunTest, AFileWithTheNumberOfSlotsIsReadAgainWhenAJobEnds) {
    settings_.policy.slots = 1;
    settings_.slots_file = folder_ + "/slots";
    std::ofstream(settings_.slots_file) << "3\n";
    EXPECT_EQ(run(7), 0);
    EXPECT_EQ(machine_.most_running, 3u);
}

TEST_F(RunTest, AFileWithoutANumberOfSlotsChangesNothing) {
    settings_.policy.slots = 2;
    settings_.slots_file = folder_ + "/slots";
    machine_.on_start = [&](const Job& job) {
        std::ofstream(settings_.slots_file) << (job.sequence % 2 == 0 ? "" : "many");
        machine_.end(job.sequence);
    };
    EXPECT_EQ(run(7), 0);
    EXPECT_EQ(machine_.most_running, 2u);
    EXPECT_EQ(error_, "");
}

TEST_F(RunTest, WhereSlotsAreTakenAwayNothingStartsUntilThereAreSomeAgain) {
    settings_.policy.slots = 3;
    machine_.on_start = [&](const Job& job) {
        if (job.sequence > 3) return machine_.end(job.sequence);
        if (job.sequence < 3) return;
        machine_.allow(0);
        machine_.in_loop([&] {
            for (std::uint64_t left : {1, 2, 3}) machine_.end(left);
        });
        // The run has seen these endings when its loop comes round for the second time.
        machine_.in_loop([&] {
            machine_.in_loop([&] {
                machine_.in_loop([&] {
                    EXPECT_THAT(started(), ElementsAre(1, 2, 3));
                    machine_.allow(1);
                });
            });
        });
    };
    EXPECT_EQ(run(5), 0);
    EXPECT_THAT(started(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(RunTest, AJobThatIsEndedForWantOfMemoryRunsAgainAndUsesUpNoAttempt) {
    machine_.on_start = [&](const Job& job) {
        const std::vector<std::uint64_t> sequences = started();
        const bool first = std::count(sequences.begin(), sequences.end(), 2u) == 1;
        if (job.sequence != 2 || !first) return machine_.end(job.sequence);
        machine_.in_loop([&, slot = job.slot] { machine_.context().listener.on_short_memory(slot); });
    };
    EXPECT_EQ(run(3), 0);
    EXPECT_THAT(started(), ElementsAre(1, 2, 3, 2));
    EXPECT_THAT(machine_.signals, ElementsAre(Pair(2u, SIGTERM)));
    EXPECT_THAT(logged(), UnorderedElementsAre("1 0 0", "2 0 0", "3 0 0"));
    EXPECT_THAT(error_, HasSubstr("job 2 was ended because memory is short; it will be run again: job 2"));
}

TEST_F(RunTest, AStartThatIsPutOffIsTriedAgainBeforeAnythingElse) {
    machine_.starts_to_refuse = 3;
    EXPECT_EQ(run(4), 0);
    EXPECT_THAT(machine_.refused, ElementsAre(1, 1, 1));
    EXPECT_THAT(started(), ElementsAre(1, 2, 3, 4));
    EXPECT_EQ(error_, "");
}

TEST_F(RunTest, AStartThatIsPutOffWhileOthersRunIsTriedAgain) {
    machine_.on_start = [&](const Job& job) {
        if (job.sequence == 1) machine_.starts_to_refuse = 2;
        if (job.sequence == 2) machine_.end(1);
        if (job.sequence >= 2) machine_.end(job.sequence);
    };
    EXPECT_EQ(run(3), 0);
    EXPECT_THAT(machine_.refused, ElementsAre(2, 2));
    EXPECT_THAT(logged(), UnorderedElementsAre("1 0 0", "2 0 0", "3 0 0"));
}

TEST_F(RunTest, ALineThatIsTooLongEndsTheRunAfterTheJobsBeforeIt) {
    EXPECT_EQ(run({"1", std::string(line_limit, 'x'), "3"}), 255);
    EXPECT_THAT(logged(), ElementsAre("1 0 0"));
    EXPECT_THAT(error_, HasSubstr("error"));
    EXPECT_THAT(machine_.signals, IsEmpty());
}

// -- retries

TEST_F(RunTest, AJobWhosePlaceIsLostRunsAgainAndTheSecondTimeHasFailed) {
    int losses = 1;
    machine_.on_start = [&](const Job& job) {
        job.sequence == 2 && losses-- > 0 ? machine_.lose(2) : machine_.end(job.sequence);
    };
    EXPECT_EQ(run(3), 0);
    EXPECT_THAT(started(), UnorderedElementsAre(1, 2, 2, 3));
    losses = 2;
    settings_.job_log += ".2";
    EXPECT_EQ(run(3), 1);
    EXPECT_THAT(logged(), UnorderedElementsAre("1 0 0", "2 0 9", "3 0 0"));
    EXPECT_THAT(error_, HasSubstr("job 2 ran on two nodes that were lost"));
}

TEST_F(RunTest, ARetryIsTheSameJobAndOnlyItsLastAttemptCounts) {
    settings_.policy.attempts = 3;
    settings_.policy.slots = 1;
    machine_.on_start = [&](const Job& job) {
        bool fails = job.sequence == 1 && machine_.starts.size() < 3;
        machine_.end(job.sequence, {.status = fails ? 5 : 0, .output = fails ? "bad\n" : "good\n", .error = "e\n"});
    };
    EXPECT_EQ(run(2), 0);
    EXPECT_THAT(started(), ElementsAre(1, 1, 1, 2));
    for (std::size_t attempt : {0, 1, 2}) EXPECT_EQ(machine_.starts[attempt].line, "job 1");
    EXPECT_THAT(logged(), ElementsAre("1 0 0", "2 0 0"));
    EXPECT_EQ(output_, "good\ngood\n");
    EXPECT_EQ(error_, "e\ne\n");
}

TEST_F(RunTest, AJobThatFailsInEveryAttemptFailsOnce) {
    settings_.policy.attempts = 3;
    machine_.on_start = [&](const Job& job) { machine_.end(job.sequence, {.status = job.sequence == 2 ? 5 : 0}); };
    EXPECT_EQ(run(3), 1);
    std::vector<std::uint64_t> all = started();
    EXPECT_EQ(std::count(all.begin(), all.end(), 2u), 3);
    EXPECT_THAT(logged(), UnorderedElementsAre("1 0 0", "2 5 0", "3 0 0"));
}

TEST_F(RunTest, ARetryThatIsPutOffIsNotForgotten) {
    settings_.policy.attempts = 2;
    settings_.policy.slots = 1;
    machine_.on_start = [&](const Job& job) {
        bool fails = machine_.starts.size() == 1;
        if (fails) machine_.starts_to_refuse = 2;
        machine_.end(job.sequence, {.status = fails});
    };
    EXPECT_EQ(run(2), 0);
    EXPECT_THAT(machine_.refused, ElementsAre(1, 1));
    EXPECT_THAT(started(), ElementsAre(1, 1, 2));
}

TEST_F(RunTest, MuchOutputIsPrintedEarlyOnlyWhereNoOtherAttemptMayFollow) {
    settings_.keep_order = true;
    for (std::uint64_t attempts : {1, 2}) {
        settings_.policy.attempts = attempts;
        std::uint64_t left = 0;
        machine_.on_start = [&](const Job& job) {
            machine_.in_loop([&, slot = job.slot] {
                system::Spool much(machine_.context().store);
                much.append("much\n");
                machine_.context().listener.on_much_output(slot, Stream::output, much);
                left = much.size();
                machine_.end(1, {.output = much.text()});
            });
        };
        EXPECT_EQ(run(1), 0);
        EXPECT_EQ(left, attempts == 1 ? 0u : 5u);
        EXPECT_EQ(output_, "much\n");
    }
}

// -- output and job log

TEST_F(RunTest, OutputComesInTheOrderOfTheInputsWhereThatIsWanted) {
    settings_.keep_order = true;
    settings_.policy.slots = 3;
    machine_.on_start = [&](const Job& job) {
        if (job.sequence != 3) return;
        for (std::uint64_t next : {3, 2, 1}) machine_.end(next, {.output = std::to_string(next) + "\n"});
    };
    EXPECT_EQ(run(3), 0);
    EXPECT_EQ(output_, "1\n2\n3\n");
    EXPECT_THAT(logged(), ElementsAre("1 0 0", "2 0 0", "3 0 0")) << "what waits for its turn is not delivered";
}

TEST_F(RunTest, AJobIsLoggedOnlyOnceItsOutputIsDelivered) {
    system::Pipe pipe = system::make_pipe();
    Reader reader(pipe.read.get());
    std::string large(3'000'000, 'x');  // more than a pipe holds
    std::vector<std::string> before_it_is_read;
    settings_.policy.slots = 1;
    machine_.on_start = [&](const Job& job) {
        if (job.sequence == 2) {
            before_it_is_read = logged();
            machine_.context().loop.add(pipe.read.get(), EPOLLIN, reader);
        }
        machine_.end(job.sequence, {.output = job.sequence == 1 ? large : ""});
    };
    EXPECT_EQ(run(2, pipe.write.get()), 0);
    reader.on_ready(0);
    EXPECT_THAT(before_it_is_read, IsEmpty());
    EXPECT_THAT(logged(), ElementsAre("1 0 0", "2 0 0"));
    EXPECT_EQ(reader.size, large.size());
}

// -- exit status, halt

TEST_F(RunTest, TheExitStatusIsTheNumberOfFailures) {
    machine_.on_start = [&](const Job& job) { machine_.end(job.sequence, {.status = job.sequence % 2 == 0}); };
    EXPECT_EQ(run(6), 3);
    machine_.on_start = [&](const Job& job) { machine_.end(job.sequence, {.signal = SIGSEGV}); };
    EXPECT_EQ(run(2), 2);
    EXPECT_THAT(logged(), UnorderedElementsAre("1 0 11", "2 0 11"));
    EXPECT_EQ(run(150), 101);
}

TEST_F(RunTest, HaltSoonLetsTheOthersEndAndStartsNoMore) {
    settings_.policy.slots = 3;
    settings_.policy.halt = {Halt::When::soon, Halt::On::fail, 1, {}};
    machine_.on_start = [&](const Job& job) {
        if (job.sequence == 3) {
            machine_.end(2, {.status = 7});
            machine_.end(1);
            machine_.end(3, {.status = 9});
        }
    };
    EXPECT_EQ(run(10), 7);
    EXPECT_THAT(started(), ElementsAre(1, 2, 3));
    EXPECT_THAT(machine_.signals, IsEmpty());
    EXPECT_THAT(logged(), ElementsAre("2 7 0", "1 0 0", "3 9 0"));
}

TEST_F(RunTest, HaltNowEndsTheOthersByTheLadderAndForgetsThem) {
    settings_.policy.slots = 3;
    settings_.policy.halt = {Halt::When::now, Halt::On::fail, 1, {}};
    machine_.on_start = [&](const Job& job) {
        if (job.sequence == 3) machine_.end(1, {.status = 7});
    };
    machine_.on_signal = [&](const Job& job, int number) {
        if (job.sequence == 2 || number == SIGKILL) machine_.end(job.sequence, {.signal = number});
    };
    EXPECT_EQ(run(10), 7);
    EXPECT_THAT(started(), ElementsAre(1, 2, 3));
    EXPECT_THAT(machine_.signals,
                UnorderedElementsAre(Pair(2, SIGTERM), Pair(3, SIGTERM), Pair(3, SIGTERM), Pair(3, SIGKILL)));
    EXPECT_THAT(logged(), ElementsAre("1 7 0")) << "a resume runs the others";
    EXPECT_TRUE(machine_.nothing_left());
}

TEST_F(RunTest, HaltAtASuccessIsASuccess) {
    settings_.policy.slots = 1;
    settings_.policy.halt = {Halt::When::now, Halt::On::success, 1, {}};
    machine_.on_start = [&](const Job& job) { machine_.end(job.sequence, {.status = job.sequence < 3}); };
    EXPECT_EQ(run(10), 0);
    EXPECT_THAT(started(), ElementsAre(1, 2, 3));
}

TEST_F(RunTest, AHaltByAShareCountsAllInputs) {
    settings_.policy.slots = 1;
    settings_.policy.halt = {Halt::When::soon, Halt::On::fail, 1, 0.5};
    machine_.on_start = [&](const Job& job) { machine_.end(job.sequence, {.status = 1}); };
    EXPECT_EQ(run(8), 50);
    EXPECT_THAT(started(), ElementsAre(1, 2, 3, 4));
}

// -- time limits, the terminal

TEST_F(RunTest, AJobThatTakesTooLongIsEndedAndFails) {
    settings_.policy.timeout.fixed = 5ms;
    machine_.on_start = [](const Job&) {};
    EXPECT_EQ(run(1), 1);
    EXPECT_THAT(machine_.signals, ElementsAre(Pair(1, SIGTERM)));
    EXPECT_THAT(logged(), ElementsAre("1 -1 15"));
    EXPECT_THAT(error_, HasSubstr("job 1 was ended because it took too long"));
}

TEST_F(RunTest, AGenerousTimeLimitEndsNothing) {
    settings_.policy.timeout.fixed = 1h;
    EXPECT_EQ(run(20), 0);
    EXPECT_THAT(machine_.signals, IsEmpty());
    EXPECT_EQ(error_, "");
}

TEST_F(RunTest, AJobThatWantsTheTerminalIsEndedAndTheOthersGoOn) {
    machine_.on_start = [&](const Job& job) {
        if (job.sequence != 1) return machine_.end(job.sequence);
        machine_.in_loop([&, slot = job.slot] { machine_.context().listener.on_stopped_by_terminal(slot); });
    };
    EXPECT_EQ(run(4), 1);
    EXPECT_THAT(machine_.signals, ElementsAre(Pair(1, SIGTERM)));
    EXPECT_THAT(logged(), UnorderedElementsAre("1 0 15", "2 0 0", "3 0 0", "4 0 0"));
    EXPECT_THAT(error_, HasSubstr("job 1 is ended: it wants to use the terminal"));
}

// -- signals to the program

TEST_F(RunTest, ASignalThatLetsJobsEndStartsNoMore) {
    for (int signal : {SIGINT, SIGHUP}) {
        machine_.on_start = [&](const Job& job) {
            if (job.sequence != 2) return;
            ::kill(::getpid(), signal);
            for (std::uint64_t both : {1, 2}) machine_.end(both);
        };
        EXPECT_EQ(run(10), 128 + signal);
        EXPECT_THAT(started(), ElementsAre(1, 2));
        EXPECT_THAT(machine_.signals, IsEmpty());
        EXPECT_THAT(logged(), ElementsAre("1 0 0", "2 0 0"));
    }
}

TEST_F(RunTest, SigtermEndsTheJobsAfterAHangUpToo) {
    for (const std::vector<int>& signals : {std::vector{SIGTERM}, {SIGHUP, SIGTERM}}) {
        machine_.on_start = [&](const Job& job) {
            if (job.sequence != 2) return;
            for (int signal : signals) ::kill(::getpid(), signal);
        };
        EXPECT_EQ(run(10), 128 + signals.back());
        EXPECT_THAT(started(), ElementsAre(1, 2));
        EXPECT_THAT(machine_.signals, UnorderedElementsAre(Pair(1, SIGTERM), Pair(2, SIGTERM)));
        EXPECT_THAT(logged(), IsEmpty()) << "a resume runs them";
    }
}

TEST_F(RunTest, UnderTheNameOfParallelCtrlCEndsTheJobsAtOnce) {
    settings_.as_parallel = true;
    machine_.on_start = [&](const Job& job) {
        if (job.sequence == 2) ::kill(::getpid(), SIGINT);
    };
    EXPECT_EQ(run(10), 255);
    EXPECT_EQ(machine_.signals.size(), 2u);
}

TEST_F(RunTest, ASignalThatKeptNothingFromBeingRunIsNoFailure) {
    machine_.on_start = [&](const Job& job) {
        ::kill(::getpid(), SIGINT);
        machine_.end(job.sequence);
    };
    EXPECT_EQ(run(1), 0);
}

TEST_F(RunTest, AJobThatDiesOfSigtermBeforeWeAreEndedIsNotLogged) {
    machine_.on_start = [this](const Job& job) {
        if (job.sequence == 2) {
            machine_.end(2, {.signal = SIGTERM});
            machine_.in_loop([] { ::kill(::getpid(), SIGTERM); });
        }
    };
    EXPECT_EQ(run(2), 128 + SIGTERM);
    EXPECT_TRUE(logged().empty());
    EXPECT_TRUE(machine_.nothing_left());
}

TEST_F(RunTest, AJobThatDiesOfSigtermAloneHasFailed) {
    machine_.on_start = [this](const Job& job) {
        machine_.end(job.sequence, job.sequence == 1 ? FakeEnd{.signal = SIGTERM} : FakeEnd{});
    };
    EXPECT_EQ(run(2), 1);
    EXPECT_EQ(logged(), (std::vector<std::string>{"2 0 0", "1 0 15"}));
}

}  // namespace
}  // namespace haid::command
