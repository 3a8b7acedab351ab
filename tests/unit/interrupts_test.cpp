#include "command/interrupts.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace haid::command {
namespace {

using namespace std::chrono_literals;
using Asks = Interrupts::Asks;

constexpr system::Time start{};

TEST(Interrupts, TheSecondCtrlCEndsTheJobsAndAnEchoOfTheFirstIsNone) {
    Interrupts interrupts(false);
    EXPECT_EQ(interrupts.take(SIGINT, start), Asks::let_end);
    EXPECT_EQ(interrupts.take(SIGINT, start + 299ms), Asks::nothing);
    EXPECT_EQ(interrupts.take(SIGINT, start + 300ms), Asks::end);
    EXPECT_EQ(interrupts.take(SIGINT, start + 301ms), Asks::end);
}

TEST(Interrupts, AsParallelTheFirstEndsThem) {
    Interrupts interrupts(true);
    EXPECT_EQ(interrupts.take(SIGINT, start), Asks::end);
    EXPECT_EQ(interrupts.take(SIGINT, start + 1ms), Asks::nothing);
}

TEST(Interrupts, AHangUpLetsThemEndHoweverOftenAndSigtermEndsThem) {
    Interrupts interrupts(false);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(interrupts.take(SIGHUP, start + i * 1s), Asks::let_end);
    EXPECT_EQ(interrupts.take(SIGTERM, start + 3s), Asks::end);
    EXPECT_EQ(interrupts.take(SIGINT, start + 4s), Asks::let_end)
        << "the first Ctrl-C is the first, whatever else came";
}

}  // namespace
}  // namespace haid::command
