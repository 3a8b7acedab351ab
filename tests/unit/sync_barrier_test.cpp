#include "haid/barrier.hpp"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "haid/error.hpp"
#include "haid/shared_array.hpp"
#include "sync_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class BarrierTest : public SyncTest {
  protected:
    static constexpr int was_broken = 77;

    pid_t start_waiter(Barrier& barrier) {
        return start([&] {
            try {
                return static_cast<int>(barrier.wait());
            } catch (const BrokenBarrier&) {
                return was_broken;
            }
        });
    }
    void until_waiting(const Barrier& barrier, std::size_t count) {
        while (barrier.waiting() != count) pause(1ms);
    }
};

TEST_F(BarrierTest, EachArrivalHasItsOwnNumber) {
    Barrier barrier(3);
    EXPECT_EQ(barrier.parties(), 3U);
    for (int round = 0; round < 3; ++round) {
        std::vector<int> ends(3);
        const pid_t first = start_waiter(barrier);
        const pid_t second = start_waiter(barrier);
        until_waiting(barrier, 2);
        EXPECT_EQ(barrier.wait(), 2U);
        EXPECT_EQ(end(first) + end(second), 1);
        EXPECT_EQ(barrier.waiting(), 0U);
        EXPECT_FALSE(barrier.broken());
    }
}

TEST_F(BarrierTest, NobodyGoesOnBeforeAllHaveCome) {
    constexpr int parties = 4, rounds = 500;
    Barrier barrier(parties);
    SharedArray<std::atomic<int>> come(rounds);
    std::vector<pid_t> children;
    for (int i = 0; i < parties; ++i) {
        children.push_back(start([&] {
            for (int round = 0; round < rounds; ++round) {
                ++come[round];
                barrier.arrive_and_wait();
                if (come[round] != parties) return 1;
            }
            return 0;
        }));
    }
    for (pid_t child : children) EXPECT_EQ(end(child), 0);
}

TEST_F(BarrierTest, AloneThereIsNobodyToWaitFor) {
    Barrier barrier(1);
    EXPECT_EQ(barrier.wait(), 0U);
    EXPECT_EQ(barrier.wait_for(-1s), 0U);
    EXPECT_THROW(Barrier(0), std::invalid_argument);
}

TEST_F(BarrierTest, ATimeLimitBreaksItForAll) {
    Barrier barrier(3);
    const pid_t other = start_waiter(barrier);
    until_waiting(barrier, 1);
    const Stopwatch watch;
    EXPECT_THROW(barrier.wait_for(20ms), BrokenBarrier);
    EXPECT_GE(watch.elapsed(), 20ms);
    EXPECT_EQ(end(other), was_broken);
    EXPECT_TRUE(barrier.broken());
    EXPECT_EQ(barrier.waiting(), 0U);
    EXPECT_THROW(barrier.wait(), BrokenBarrier);
    barrier.reset();
    EXPECT_FALSE(barrier.broken());
    const auto until = std::chrono::system_clock::now() + 20ms;
    EXPECT_THROW(barrier.wait_until(until), BrokenBarrier);
    EXPECT_GE(std::chrono::system_clock::now(), until);
}

TEST_F(BarrierTest, AbortAndResetReachThoseThatWait) {
    Barrier barrier(3);
    for (const bool abort : {true, false, true}) {
        const pid_t first = start_waiter(barrier);
        const pid_t second = start_waiter(barrier);
        until_waiting(barrier, 2);
        abort ? barrier.abort() : barrier.reset();
        EXPECT_EQ(end(first), was_broken);
        EXPECT_EQ(end(second), was_broken);
        EXPECT_EQ(barrier.broken(), abort);
        barrier.reset();
        barrier.reset();
        EXPECT_FALSE(barrier.broken());
    }
}

TEST_F(BarrierTest, WhoWakesUpLateStillLearnsHowItsRoundEnded) {
    Barrier barrier(2);
    const pid_t late = start_waiter(barrier);
    until_waiting(barrier, 1);
    until_asleep(late);
    ::kill(late, SIGSTOP);
    ::waitpid(late, nullptr, WUNTRACED);
    EXPECT_EQ(barrier.wait(), 1U);
    barrier.abort();
    barrier.reset();
    for (int i = 0; i < 20; ++i) {
        const pid_t other = start_waiter(barrier);
        until_waiting(barrier, 1);
        barrier.reset();
        EXPECT_EQ(end(other), was_broken);
    }
    ::kill(late, SIGCONT);
    EXPECT_EQ(end(late), 0);
}

TEST_F(BarrierTest, WhoDiesWaitingHasArrived) {
    Barrier barrier(3);
    const pid_t dies = start_waiter(barrier);
    until_waiting(barrier, 1);
    kill(dies);
    const pid_t lives = start_waiter(barrier);
    until_waiting(barrier, 2);
    EXPECT_EQ(barrier.wait(), 2U);
    EXPECT_EQ(end(lives), 1);
}

TEST_F(BarrierTest, SignalsDoNotEndAWait) {
    Barrier barrier(2);
    const Interruptions interruptions;
    const pid_t waiter = start_waiter(barrier);
    until_waiting(barrier, 1);
    Interruptions::interrupt(waiter, until_asleep);
    barrier.wait();
    EXPECT_EQ(end(waiter), 0);
}

TEST_F(BarrierTest, KilledAtAnyMomentLeavesItUsable) {
    for (int round = 0; round < 200; ++round) {
        Barrier barrier(2);
        const auto loop = [&]() -> int {
            try {
                for (;;) barrier.wait();
            } catch (const BrokenBarrier&) {
                return was_broken;
            }
        };
        const pid_t dies = start(loop);
        const pid_t lives = start(loop);
        pause(std::chrono::microseconds(300 + 5 * (round % 100)));
        kill(dies);
        barrier.abort();
        EXPECT_EQ(end(lives), was_broken);
        barrier.reset();
        const pid_t other = start_waiter(barrier);
        barrier.wait();
        EXPECT_NE(end(other), was_broken);
    }
}

}  // namespace
}  // namespace haid
