#include "haid/lock.hpp"

#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "haid/error.hpp"
#include "haid/shared_array.hpp"
#include "sync_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

template <class Mutex>
class LockTest : public SyncTest {
  protected:
    // A child that holds the lock until it is killed.
    pid_t start_holder(Mutex& lock) {
        SharedArray<std::atomic<int>> held(1);
        const pid_t pid = start([&]() -> int {
            lock.lock();
            held[0] = 1;
            for (;;) ::pause();
        });
        while (held[0] == 0) this->pause(1ms);
        return pid;
    }
    bool free_for_others(Mutex& lock) {
        return this->end(this->start([&] {
            if (!lock.try_lock()) return 1;
            lock.unlock();
            return 0;
        })) == 0;
    }
};
using Mutexes = testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(LockTest, Mutexes);

TYPED_TEST(LockTest, ProcessesDoNotLoseCounts) {
    TypeParam lock;
    SharedArray<long> counter(1);
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(this->start([&] {
            for (int n = 0; n < 100'000; ++n) {
                std::scoped_lock guard(lock);
                counter[0] = counter[0] + 1;
            }
            return 0;
        }));
    }
    for (pid_t child : children) EXPECT_EQ(this->end(child), 0);
    EXPECT_EQ(counter[0], 400'000);
}

TYPED_TEST(LockTest, TwoLocksInEitherOrder) {
    TypeParam a, b;
    SharedArray<long> counter(1);
    auto count = [&](TypeParam& first, TypeParam& second) {
        for (int n = 0; n < 50'000; ++n) {
            std::scoped_lock guard(first, second);
            counter[0] = counter[0] + 1;
        }
        return 0;
    };
    const pid_t one = this->start([&] { return count(a, b); });
    const pid_t other = this->start([&] { return count(b, a); });
    EXPECT_EQ(this->end(one), 0);
    EXPECT_EQ(this->end(other), 0);
    EXPECT_EQ(counter[0], 100'000);
}

TYPED_TEST(LockTest, NextLockerLearnsThatTheHolderDied) {
    TypeParam lock;
    for (int way = 0; way < 4; ++way) {
        EXPECT_EQ(this->kill(this->start_holder(lock)), -SIGKILL);
        switch (way) {
            case 0:
                EXPECT_THROW(lock.lock(), OwnerDied);
                break;
            case 1:
                EXPECT_THROW(static_cast<void>(lock.try_lock()), OwnerDied);
                break;
            case 2:
                EXPECT_THROW(lock.try_lock_for(1h), OwnerDied);
                break;
            default:
                EXPECT_THROW(lock.try_lock_until(std::chrono::system_clock::now() + 1h), OwnerDied);
        }
        EXPECT_THROW(lock.unlock(), std::system_error) << "who was told does not hold it";
        EXPECT_TRUE(this->free_for_others(lock));
        std::scoped_lock guard(lock);
    }
}

TYPED_TEST(LockTest, ExactlyOneOfThoseThatWaitIsTold) {
    TypeParam lock;
    const pid_t holder = this->start_holder(lock);
    std::vector<pid_t> waiters;
    for (int i = 0; i < 3; ++i) {
        waiters.push_back(this->start([&] {
            try {
                std::scoped_lock guard(lock);
                return 0;
            } catch (const OwnerDied&) {
                return 1;
            }
        }));
    }
    for (pid_t waiter : waiters) this->until_asleep(waiter);
    this->kill(holder);
    int told = 0;
    for (pid_t waiter : waiters) told += this->end(waiter);
    EXPECT_EQ(told, 1);
}

TYPED_TEST(LockTest, OtherEndsOfHoldersAreNoticedToo) {
    TypeParam lock;
    EXPECT_EQ(this->end(this->start([&] {
        lock.lock();
        return 0;
    })),
              0);
    EXPECT_THROW(lock.lock(), OwnerDied);

    std::thread([&] { lock.lock(); }).join();
    EXPECT_THROW(lock.lock(), OwnerDied);

    EXPECT_EQ(this->end(this->start([&] {
        lock.lock();
        ::execl("/bin/sh", "sh", "-c", "exit 3", nullptr);
        return 1;
    })),
              3);
    EXPECT_THROW(lock.lock(), OwnerDied);
}

TYPED_TEST(LockTest, KilledAtAnyMomentLeavesItInOrder) {
    TypeParam lock;
    SharedArray<volatile long> pair(2);
    int died = 0;
    for (int round = 0; round < 300; ++round) {
        const pid_t child = this->start([&]() -> int {
            for (;;) {
                std::scoped_lock guard(lock);
                pair[0] = pair[0] + 1;
                pair[1] = pair[1] + 1;
            }
        });
        this->pause(std::chrono::microseconds(200 + 7 * (round % 100)));
        this->kill(child);
        try {
            std::scoped_lock guard(lock);
            EXPECT_EQ(pair[0], pair[1]) << "half changed, and nobody was told";
        } catch (const OwnerDied&) {
            ++died;
            std::scoped_lock guard(lock);
            pair[1] = static_cast<long>(pair[0]);
        }
    }
    std::scoped_lock guard(lock);
    this->RecordProperty("died_holding", died);
}

TYPED_TEST(LockTest, AChildDoesNotHoldWhatItsParentHolds) {
    TypeParam lock;
    lock.lock();
    EXPECT_EQ(this->end(this->start([&] {
        if (lock.try_lock() || lock.try_lock_for(5ms)) return 1;
        try {
            lock.unlock();
        } catch (const std::system_error& error) {
            return error.code() == std::errc::operation_not_permitted ? 0 : 2;
        }
        return 3;
    })),
              0);
    EXPECT_FALSE(this->free_for_others(lock)) << "the end of a child is not the end of the holder";
    lock.unlock();
    EXPECT_TRUE(this->free_for_others(lock));
}

TYPED_TEST(LockTest, WaitsAreNotShorterThanAskedFor) {
    TypeParam lock;
    this->start_holder(lock);
    const Stopwatch watch;
    EXPECT_FALSE(lock.try_lock_for(20ms));
    EXPECT_GE(watch.elapsed(), 20ms);
    EXPECT_FALSE(lock.try_lock_until(std::chrono::steady_clock::now() + 20ms));
    EXPECT_GE(watch.elapsed(), 40ms);
    const auto until = std::chrono::system_clock::now() + 20ms;
    EXPECT_FALSE(lock.try_lock_until(until));
    EXPECT_GE(std::chrono::system_clock::now(), until);
    EXPECT_FALSE(lock.try_lock_for(-1h));
    EXPECT_FALSE(lock.try_lock_for(0.001s / 1e6));
    EXPECT_FALSE(lock.try_lock_until(std::chrono::system_clock::time_point::min()));
    EXPECT_FALSE(lock.try_lock_until(std::chrono::steady_clock::time_point{} - 1h));
}

TYPED_TEST(LockTest, EndlessTimeLimitsDoNotOverflow) {
    TypeParam lock;
    const pid_t holder = this->start_holder(lock);
    const auto wait = [&](auto how) {
        return this->start([&lock, how] {
            try {
                return how(lock) ? 1 : 2;
            } catch (const OwnerDied&) {
                return 0;
            }
        });
    };
    std::vector<pid_t> waiters{
        wait([](TypeParam& l) { return l.try_lock_for(std::chrono::hours::max()); }),
        wait([](TypeParam& l) { return l.try_lock_until(std::chrono::steady_clock::time_point::max()); }),
        wait([](TypeParam& l) { return l.try_lock_until(std::chrono::system_clock::time_point::max()); }),
    };
    for (pid_t waiter : waiters) this->until_asleep(waiter);
    this->kill(holder);
    // The first is told and the others get it, one of them from a process that ended with it.
    int sum = 0;
    for (pid_t waiter : waiters) {
        const int status = this->end(waiter);
        EXPECT_NE(status, 2) << "it gave up";
        sum += status;
    }
    EXPECT_EQ(sum, 1);
}

TYPED_TEST(LockTest, SignalsDoNotEndAWait) {
    TypeParam lock;
    lock.lock();
    this->expect_signals_not_to_end([&] { std::scoped_lock guard(lock); }, [&] { lock.unlock(); });
}

TYPED_TEST(LockTest, DestroyingOneThatIsHeldLeavesTheOthersAlone) {
    TypeParam other;
    for (int i = 0; i < 100; ++i) {
        TypeParam lock;
        lock.lock();
        std::scoped_lock guard(other);
    }
    EXPECT_TRUE(this->free_for_others(other));
}

TYPED_TEST(LockTest, StdLockLetsGoOfTheRestWhenAHolderDied) {
    TypeParam fine, orphaned;
    this->kill(this->start_holder(orphaned));
    EXPECT_THROW(std::lock(fine, orphaned), OwnerDied);
    EXPECT_TRUE(this->free_for_others(fine));
    std::scoped_lock guard(fine, orphaned);
}

class RelockTest : public SyncTest {};

TEST_F(RelockTest, ALockCannotBeLockedTwice) {
    Lock lock;
    std::scoped_lock guard(lock);
    try {
        lock.lock();
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::resource_deadlock_would_occur);
    }
    EXPECT_FALSE(lock.try_lock());
}

TEST_F(RelockTest, AnRLockIsFreeWhenItWasUnlockedAsOften) {
    RLock lock;
    const auto free_for_others = [&] { return end(start([&] { return lock.try_lock() ? 1 : 0; })); };
    lock.lock();
    EXPECT_TRUE(lock.try_lock());
    EXPECT_TRUE(lock.try_lock_for(1s));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(free_for_others(), 0);
        lock.unlock();
    }
    EXPECT_EQ(free_for_others(), 1);
}

}  // namespace
}  // namespace haid
