#include "haid/condition.hpp"

#include <mutex>
#include <system_error>
#include <vector>

#include "haid/error.hpp"
#include "haid/shared_array.hpp"
#include "sync_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

template <class Mutex>
class ConditionTest : public SyncTest {
  protected:
    Mutex lock;
    Condition condition;
    SharedArray<int> state{2};  // what is waited for; how many wait for it

    pid_t start_waiter() {
        return start([&] {
            std::unique_lock guard(lock);
            ++state[1];
            condition.wait(guard, [&] { return state[0] > 0; });
            --state[0];
            return 0;
        });
    }
    void until_waiting(int count) {
        for (;; pause(1ms)) {
            std::scoped_lock guard(lock);
            if (state[1] == count) return;
        }
    }
};
using Mutexes = testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(ConditionTest, Mutexes);

TYPED_TEST(ConditionTest, NotifyOneIsEnoughForOne) {
    std::vector<pid_t> waiters;
    for (int i = 0; i < 4; ++i) waiters.push_back(this->start_waiter());
    this->until_waiting(4);
    for (int i = 0; i < 4; ++i) {
        std::scoped_lock guard(this->lock);
        ++this->state[0];
        this->condition.notify_one();
    }
    for (pid_t waiter : waiters) EXPECT_EQ(this->end(waiter), 0);
}

TYPED_TEST(ConditionTest, NotifyAllReachesAllAlsoWithoutTheLock) {
    std::vector<pid_t> waiters;
    for (int i = 0; i < 4; ++i) waiters.push_back(this->start_waiter());
    this->until_waiting(4);
    {
        std::scoped_lock guard(this->lock);
        this->state[0] = 4;
    }
    this->condition.notify_all();
    for (pid_t waiter : waiters) EXPECT_EQ(this->end(waiter), 0);
}

TYPED_TEST(ConditionTest, WaitsAreNotShorterThanAskedFor) {
    std::unique_lock guard(this->lock);
    const Stopwatch watch;
    EXPECT_EQ(this->condition.wait_for(guard, 20ms), std::cv_status::timeout);
    EXPECT_GE(watch.elapsed(), 20ms);
    EXPECT_TRUE(guard.owns_lock());
    const auto until = std::chrono::system_clock::now() + 20ms;
    EXPECT_EQ(this->condition.wait_until(guard, until), std::cv_status::timeout);
    EXPECT_GE(std::chrono::system_clock::now(), until);
    EXPECT_FALSE(this->condition.wait_for(guard, 5ms, [] { return false; }));
    EXPECT_TRUE(this->condition.wait_for(guard, -1s, [] { return true; }));
    EXPECT_FALSE(this->condition.wait_until(guard, std::chrono::steady_clock::now(), [] { return false; }));
}

TYPED_TEST(ConditionTest, SignalsDoNotEndAWait) {
    const Interruptions interruptions;
    const pid_t waiter = this->start([&] {
        std::unique_lock guard(this->lock);
        ++this->state[1];
        this->condition.wait(guard);
        return this->state[0];
    });
    this->until_waiting(1);
    Interruptions::interrupt(waiter, this->until_asleep);
    {
        std::scoped_lock guard(this->lock);
        this->state[0] = 7;
    }
    this->condition.notify_one();
    EXPECT_EQ(this->end(waiter), 7);
}

TYPED_TEST(ConditionTest, AWaiterIsToldThatTheHolderDied) {
    const pid_t waiter = this->start([&] {
        std::unique_lock guard(this->lock);
        ++this->state[1];
        try {
            this->condition.wait(guard);
        } catch (const OwnerDied&) {
            return guard.owns_lock() ? 1 : 0;
        }
        return 2;
    });
    this->until_waiting(1);
    const pid_t holder = this->start([&]() -> int {
        this->lock.lock();
        this->condition.notify_one();
        for (;;) ::pause();
    });
    this->until_asleep(holder);
    this->until_asleep(waiter);
    this->kill(holder);
    EXPECT_EQ(this->end(waiter), 0);
    std::scoped_lock guard(this->lock);
}

TYPED_TEST(ConditionTest, WhoDiesWaitingLeavesItInOrder) {
    for (int round = 0; round < 100; ++round) {
        {
            std::scoped_lock guard(this->lock);
            this->state[0] = this->state[1] = 0;
        }
        const pid_t dies = this->start_waiter();
        const pid_t lives = this->start_waiter();
        this->until_waiting(2);
        {
            std::scoped_lock guard(this->lock);
            this->state[0] = 2;
        }
        this->condition.notify_all();
        if (round % 2 == 1) this->pause(std::chrono::microseconds(round));
        this->kill(dies);
        int status = this->end(lives);
        if (status == 99) {
            // It was told that the other one died holding the lock.
            status = 0;
        }
        EXPECT_EQ(status, 0);
        try {
            std::scoped_lock guard(this->lock);
        } catch (const OwnerDied&) {
        }
    }
}

TYPED_TEST(ConditionTest, WaitingWithoutTheLockIsAnError) {
    std::unique_lock guard(this->lock, std::defer_lock);
    EXPECT_THROW(this->condition.wait(guard), std::system_error);
    EXPECT_THROW(this->condition.wait_for(guard, 1s), std::system_error);
}

class NestedConditionTest : public SyncTest {};

TEST_F(NestedConditionTest, AnRLockIsLetGoEntirelyAndHeldAsOftenAfterwards) {
    RLock lock;
    Condition condition;
    SharedArray<int> state(1);
    std::unique_lock outer(lock);
    std::unique_lock inner(lock);
    const pid_t other = start([&] {
        std::scoped_lock guard(lock);
        state[0] = 1;
        condition.notify_all();
        return 0;
    });
    condition.wait(inner, [&] { return state[0] == 1; });
    EXPECT_EQ(end(other), 0);
    const auto free_for_others = [&] { return end(start([&] { return lock.try_lock() ? 1 : 0; })); };
    EXPECT_EQ(free_for_others(), 0);
    inner.unlock();
    EXPECT_EQ(free_for_others(), 0);
    outer.unlock();
    EXPECT_EQ(free_for_others(), 1);
}

TEST_F(NestedConditionTest, OuterGuardsHoldTheLockAlsoAfterADeath) {
    RLock lock;
    Condition condition;
    std::unique_lock outer(lock);
    std::unique_lock inner(lock);
    const pid_t other = start([&]() -> int {
        lock.lock();
        condition.notify_all();
        ::_exit(0);
    });
    EXPECT_THROW(condition.wait(inner), OwnerDied);
    EXPECT_EQ(end(other), 0);
    EXPECT_FALSE(inner.owns_lock());
    outer.unlock();
    EXPECT_EQ(end(start([&] { return lock.try_lock() ? 0 : 1; })), 0);
}

}  // namespace
}  // namespace haid
