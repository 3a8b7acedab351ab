#include "haid/semaphore.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <vector>

#include "haid/error.hpp"
#include "haid/shared_array.hpp"
#include "sync_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class SemaphoreTest : public SyncTest {
  protected:
    pid_t start_waiter(Semaphore& semaphore) {
        return start_waiting([&] { semaphore.acquire(); });
    }
};

TEST_F(SemaphoreTest, GivesAsManyPermitsAsItHas) {
    Semaphore semaphore(2);
    EXPECT_EQ(semaphore.value(), 2U);
    semaphore.acquire();
    EXPECT_TRUE(semaphore.try_acquire());
    EXPECT_FALSE(semaphore.try_acquire());
    EXPECT_EQ(semaphore.value(), 0U);
    semaphore.release(5000);
    EXPECT_EQ(semaphore.value(), 5000U);
}

TEST_F(SemaphoreTest, AReleaseWakesOneOfAnotherProcess) {
    Semaphore semaphore(0);
    std::vector<pid_t> waiters;
    for (int i = 0; i < 4; ++i) waiters.push_back(start_waiter(semaphore));
    for (pid_t waiter : waiters) until_asleep(waiter);
    semaphore.release();
    semaphore.release(3);
    for (pid_t waiter : waiters) EXPECT_EQ(end(waiter), 0);
    EXPECT_EQ(semaphore.value(), 0U);
}

TEST_F(SemaphoreTest, ManyPermitsAtOnceReachThoseThatSleep) {
    Semaphore semaphore(0);
    const pid_t waiter = start([&] {
        for (int i = 0; i < 10'000; ++i) semaphore.acquire();
        return 0;
    });
    until_asleep(waiter);
    semaphore.release(10'000);
    EXPECT_EQ(end(waiter), 0);
    EXPECT_EQ(semaphore.value(), 0U);
}

TEST_F(SemaphoreTest, NeverMoreInsideThanPermits) {
    constexpr int seats = 3;
    Semaphore semaphore(seats);
    SharedArray<std::atomic<int>> inside(1);
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i) {
        children.push_back(start([&] {
            int most = 0;
            for (int n = 0; n < 3000; ++n) {
                semaphore.acquire();
                most = std::max(most, ++inside[0]);
                if (n % 8 == 0) pause(1us);
                --inside[0];
                semaphore.release();
            }
            return most <= seats ? 0 : 1;
        }));
    }
    for (pid_t child : children) EXPECT_EQ(end(child), 0);
    EXPECT_EQ(semaphore.value(), 3U);
}

TEST_F(SemaphoreTest, WaitsAreNotShorterThanAskedFor) {
    Semaphore semaphore(0);
    expect_waits_in_vain([&](auto limit) { return semaphore.try_acquire_for(limit); },
                         [&](auto until) { return semaphore.try_acquire_until(until); });
    EXPECT_FALSE(semaphore.try_acquire_for(-1s));
    semaphore.release();
    EXPECT_TRUE(semaphore.try_acquire_for(std::chrono::hours::max()));
}

TEST_F(SemaphoreTest, TimeLimitsHoldAlsoBehindOthersThatWait) {
    Semaphore semaphore(0);
    const pid_t first = start_waiter(semaphore);
    until_asleep(first);
    const Stopwatch watch;
    EXPECT_FALSE(semaphore.try_acquire_for(20ms));
    EXPECT_GE(watch.elapsed(), 20ms);
    semaphore.release();
    EXPECT_EQ(end(first), 0);
}

TEST_F(SemaphoreTest, SignalsDoNotEndAWait) {
    Semaphore semaphore(0);
    expect_signals_not_to_end([&] { semaphore.acquire(); }, [&] { semaphore.release(); });
}

TEST_F(SemaphoreTest, OneThatDiesWaitingTakesNothingAway) {
    Semaphore semaphore(0);
    std::vector<pid_t> waiters;
    for (int i = 0; i < 3; ++i) {
        waiters.push_back(start_waiter(semaphore));
        until_asleep(waiters.back());
    }
    kill(waiters[0]);  // the one whose turn it is
    kill(waiters[2]);
    semaphore.release();
    EXPECT_EQ(end(waiters[1]), 0);
    EXPECT_EQ(semaphore.value(), 0U);
}

// A wake-up that is lost with the one that was woken would leave the other one asleep, and the watchdog would bark.
TEST_F(SemaphoreTest, OneThatDiesWhenWokenDoesNotTakeTheWakeUpAlong) {
    Semaphore semaphore(0);
    for (int round = 0; round < 200; ++round) {
        const pid_t dies = start_waiter(semaphore);
        until_asleep(dies);
        const pid_t lives = start_waiter(semaphore);
        until_asleep(lives);
        semaphore.release();
        if (round % 2 == 1) pause(std::chrono::microseconds(round / 2));
        if (kill(dies) == 0 || semaphore.value() == 0) semaphore.release();  // it took the permit along
        EXPECT_EQ(end(lives), 0);
        while (semaphore.try_acquire()) {
        }
    }
}

TEST_F(SemaphoreTest, KilledAtAnyMomentOfReleaseLeavesNobodyAsleep) {
    for (int round = 0; round < 200; ++round) {
        Semaphore semaphore(0);
        const pid_t taker = start([&]() -> int {
            for (;;) semaphore.acquire();
        });
        const pid_t giver = start([&]() -> int {
            for (;;) semaphore.release();
        });
        pause(std::chrono::microseconds(300 + 5 * (round % 100)));
        kill(giver);
        while (semaphore.value() != 0) pause(100us);  // for ever, if the taker sleeps
        kill(taker);
    }
}

TEST_F(SemaphoreTest, ABoundedOneFindsTooManyReleases) {
    BoundedSemaphore semaphore(2);
    EXPECT_THROW(semaphore.release(), Error);
    semaphore.acquire();
    EXPECT_THROW(semaphore.release(2), Error);
    EXPECT_EQ(semaphore.value(), 1U) << "nothing is given where not all can be";
    semaphore.release();
    EXPECT_THROW(semaphore.release(), Error);
    EXPECT_THROW(BoundedSemaphore(0).release(), Error);
}

TEST_F(SemaphoreTest, HasLimits) {
    EXPECT_THROW(Semaphore(Semaphore::max + 1), std::invalid_argument);
    Semaphore semaphore(Semaphore::max);
    EXPECT_EQ(semaphore.value(), Semaphore::max);
    EXPECT_THROW(semaphore.release(), Error);
    semaphore.acquire();
    semaphore.release();
    EXPECT_EQ(semaphore.value(), Semaphore::max);
}

}  // namespace
}  // namespace haid
