// What those hear who listen to the endings of a run: of each attempt one, and of the last one when it is delivered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/local_runner.hpp"
#include "command/run.hpp"
#include "run_fixture.hpp"

namespace haid::command {
namespace {

using namespace std::chrono_literals;
using schedule::Cause;
using schedule::Ending;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class RunEndingsTest : public RunTest {
  protected:
    struct Heard {
        Ending ending;
        std::string command, host;
        std::optional<rusage> usage;
    };
    class Listener : public Observer {
      public:
        explicit Listener(RunEndingsTest& test) : test_(test) {}
        void on_ending(const Ending& ending) override {
            std::optional<rusage> usage;
            if (ending.usage != nullptr) usage = *ending.usage;
            test_.heard_.push_back({ending, std::string(ending.command), std::string(ending.host), usage});
        }

      private:
        RunEndingsTest& test_;
    };
    RunEndingsTest() { observer_ = &listener_; }

    // "number/attempt", and what is to follow.
    std::vector<std::string> heard() const {
        std::vector<std::string> all;
        for (const Heard& one : heard_) {
            const Ending& ending = one.ending;
            const char* then = ending.again                  ? "again"
                               : ending.delivered            ? "delivered"
                               : ending.cause == Cause::stop ? "stopped"
                                                             : "lost output";
            all.push_back(std::to_string(ending.which) + "/" + std::to_string(ending.attempt) + " " + then);
        }
        return all;
    }

    std::vector<Heard> heard_;
    Listener listener_{*this};
};

TEST_F(RunEndingsTest, EachAttemptIsToldOnceAndTheLastAsDelivered) {
    settings_.policy.attempts = 3;
    settings_.policy.slots = 1;
    machine_.on_start = [&](const Job& job) {
        const bool fails = job.sequence == 1 && machine_.starts.size() < 3;
        machine_.end(job.sequence, {.status = fails ? 5 : 0, .output = "12345"});
    };
    EXPECT_EQ(run(2), 0);
    ASSERT_THAT(heard(), ElementsAre("1/1 again", "1/2 again", "1/3 delivered", "2/1 delivered"));
    std::vector<int> statuses;
    for (const Heard& one : heard_) {
        statuses.push_back(one.ending.exit_status);
        EXPECT_EQ(one.command, one.ending.which == 1 ? "job 1" : "job 2");
        EXPECT_EQ(one.host, ":");
        EXPECT_EQ(one.ending.place, 1);
        EXPECT_EQ(one.ending.output_bytes, 5u);
        EXPECT_EQ(one.ending.cause, Cause::none);
    }
    EXPECT_THAT(statuses, ElementsAre(5, 5, 0, 0));
}

TEST_F(RunEndingsTest, WhatWaitsForItsTurnIsNotDelivered) {
    settings_.keep_order = true;
    settings_.policy.slots = 3;
    std::vector<std::string> before;
    machine_.on_start = [&](const Job& job) {
        if (job.sequence != 3) return;
        for (std::uint64_t next : {3, 2}) machine_.end(next);
        machine_.in_loop([&] {
            machine_.in_loop([&] {
                before = heard();
                machine_.end(1);
            });
        });
    };
    EXPECT_EQ(run(3), 0);
    EXPECT_THAT(before, IsEmpty());
    EXPECT_THAT(heard(), ElementsAre("1/1 delivered", "2/1 delivered", "3/1 delivered"));
}

TEST_F(RunEndingsTest, WhereOutputIsLostTheEndingIsToldAllTheSame) {
    for (bool keep_order : {false, true}) {
        settings_.keep_order = keep_order;
        settings_.policy.slots = 4;
        heard_.clear();
        machine_.on_start = [&](const Job& job) {
            if (job.sequence != 4) return;
            for (std::uint64_t i : {3, 2, 1}) machine_.end(i, {.status = 1, .output = "x\n"});
        };
        EXPECT_EQ(run_without_reader(9), 128 + SIGPIPE);
        const std::string ended_before = keep_order ? "lost output" : "stopped";  // the fault comes with the third
        EXPECT_THAT(heard(), UnorderedElementsAre("1/1 " + ended_before, "2/1 " + ended_before, "3/1 lost output",
                                                  "4/1 stopped"));
        EXPECT_THAT(logged(), IsEmpty());
    }
}

TEST_F(RunEndingsTest, WhoeverIsEndedBecauseTheRunStopsIsTold) {
    settings_.policy.halt = schedule::parse_halt("now,fail=1");
    machine_.on_start = [&](const Job& job) {
        if (job.sequence == 2) machine_.end(1, {.status = 3});
    };
    EXPECT_EQ(run(9), 3);
    EXPECT_THAT(heard(), ElementsAre("1/1 delivered", "2/1 stopped"));
    EXPECT_EQ(heard_.back().ending.signal, SIGTERM);
}

TEST_F(RunEndingsTest, ATimeLimitIsTheCause) {
    settings_.policy.timeout.fixed = 1ms;
    machine_.on_start = [](const Job&) {};
    EXPECT_EQ(run(1), 1);
    ASSERT_THAT(heard_, SizeIs(1));
    EXPECT_EQ(heard_[0].ending.cause, Cause::timeout);
    EXPECT_EQ(heard_[0].ending.exit_status, -1);
    EXPECT_FALSE(heard_[0].ending.succeeded());
}

TEST_F(RunEndingsTest, OfAPlaceThatIsLostNobodyKnowsWhatWasUsed) {
    settings_.policy.slots = 1;
    int losses = 1;
    machine_.on_start = [&](const Job& job) { losses-- > 0 ? machine_.lose(1) : machine_.end(job.sequence); };
    EXPECT_EQ(run(1), 0);
    ASSERT_THAT(heard(), ElementsAre("1/1 again", "1/1 delivered"));
    EXPECT_EQ(heard_[0].ending.cause, Cause::lost);
    EXPECT_EQ(heard_[0].host, "there");
    EXPECT_FALSE(heard_[0].usage);
    EXPECT_TRUE(heard_[1].usage);
}

TEST_F(RunEndingsTest, NothingEndsWhereNothingIsRun) {
    settings_.dry_run = true;
    EXPECT_EQ(run(3), 0);
    EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(RunEndingsTest, WhatJobsUseIsKnown) {
    make_runner_ = [] {
        return [](const RunSettings& settings, const RunnerContext& context) {
            return std::make_unique<LocalRunner>(settings, context);
        };
    };
    settings_.shell.path = "/bin/sh";
    settings_.command = {"i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; :"};
    EXPECT_EQ(run(2), 0);
    ASSERT_THAT(heard_, SizeIs(2));
    for (const Heard& one : heard_) {
        ASSERT_TRUE(one.usage);
        EXPECT_GT(one.usage->ru_utime.tv_sec * 1'000'000 + one.usage->ru_utime.tv_usec, 0);
        EXPECT_GT(one.usage->ru_maxrss, 0);
        EXPECT_GT(one.ending.took, 0ns);
        EXPECT_GT(one.ending.start, 0);
    }
}

}  // namespace
}  // namespace haid::command
