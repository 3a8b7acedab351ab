// Faults while a job is being started.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "command/run.hpp"
#include "failing_calls.hpp"
#include "run_fixture.hpp"

namespace haid::command {
namespace {

using testing::IsEmpty;
using Grouping = RunSettings::Grouping;

class RunStartFaultsTest : public RunTest {};

TEST_F(RunStartFaultsTest, ACommandThatCannotBeShownEndsTheRun) {
    settings_.show_command = true;
    for (bool keep_order : {false, true}) {
        for (bool dry : {false, true}) {
            for (Grouping grouping : {Grouping::whole, Grouping::lines, Grouping::none}) {
                SCOPED_TRACE(testing::Message() << keep_order << dry << static_cast<int>(grouping));
                settings_.keep_order = keep_order;
                settings_.grouping = grouping;
                settings_.dry_run = dry;
                EXPECT_EQ(run_without_reader(20), 128 + SIGPIPE);
                EXPECT_TRUE(machine_.nothing_left());
                EXPECT_EQ(error_, "");
            }
        }
    }
}

TEST_F(RunStartFaultsTest, ATraceThatCannotBeWrittenEndsTheRunLoudly) {
    settings_.trace = true;
    const FailingCall write(SystemCall::write, ENOSPC, {.times = FailingCall::always, .first = STDERR_FILENO});
    EXPECT_EQ(run(20), 255) << "which is all that can be told";
    EXPECT_TRUE(machine_.nothing_left());
}

}  // namespace
}  // namespace haid::command
