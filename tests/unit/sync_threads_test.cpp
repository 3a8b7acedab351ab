// What processes share, shared by threads of one: the thread sanitizer sees no further than that.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "haid/barrier.hpp"
#include "haid/condition.hpp"
#include "haid/event.hpp"
#include "haid/lock.hpp"
#include "haid/queue.hpp"
#include "haid/semaphore.hpp"
#include "haid/value.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

constexpr int threads = 4;
constexpr int rounds = 500;

class SyncThreads : public testing::Test {
  protected:
    static constexpr unsigned patience = 60;  // seconds until a test that hangs is ended

    SyncThreads() { ::alarm(patience); }
    ~SyncThreads() override { ::alarm(0); }

    template <class Body>
    static void in_threads(Body body) {
        std::vector<std::thread> all;
        for (int number = 0; number < threads; ++number) all.emplace_back(body, number);
        for (std::thread& thread : all) thread.join();
    }
};

TEST_F(SyncThreads, LocksGuardPlainMemory) {
    Lock lock;
    RLock again;
    int first = 0, second = 0;
    in_threads([&](int) {
        for (int i = 0; i < rounds; ++i) {
            // Not with a time limit: GCC 12's thread sanitizer does not know pthread_mutex_clocklock.
            if (std::unique_lock guard(lock, std::try_to_lock); guard.owns_lock()) ++first;
            std::scoped_lock guard(again);
            std::scoped_lock inner(again);
            ++second;
        }
    });
    EXPECT_GT(first, 0);
    EXPECT_EQ(second, threads * rounds);
}

TEST_F(SyncThreads, ASemaphoreOfOneIsALock) {
    BoundedSemaphore semaphore(1);
    int count = 0;
    in_threads([&](int number) {
        for (int i = 0; i < rounds; ++i) {
            if (number % 2 == 0) {
                semaphore.acquire();
            } else {
                while (!semaphore.try_acquire_for(1ms)) {
                }
            }
            ++count;
            semaphore.release();
        }
    });
    EXPECT_EQ(count, threads * rounds);
}

TEST_F(SyncThreads, ABarrierShowsWhatWasWrittenBefore) {
    Barrier barrier(threads);
    std::vector<int> written(threads);
    in_threads([&](int number) {
        for (int i = 1; i <= rounds; ++i) {
            written[static_cast<std::size_t>(number)] = i;
            barrier.wait();
            EXPECT_EQ(std::accumulate(written.begin(), written.end(), 0), threads * i);
            barrier.wait();
        }
    });
}

TEST_F(SyncThreads, AnEventShowsWhatWasWrittenBefore) {
    for (int i = 0; i < rounds / 10; ++i) {
        Event event;
        int written = 0;
        in_threads([&](int number) {
            if (number == 0) {
                written = i;
                event.set();
            } else if (number == 1) {
                while (!event.wait_for(1us)) {
                }
                EXPECT_EQ(written, i);
            } else {
                event.wait();
                EXPECT_EQ(written, i);
            }
        });
    }
}

TEST_F(SyncThreads, AConditionIsWaitedForAndTold) {
    Lock lock;
    Condition condition;
    int turn = 0;
    in_threads([&](int number) {
        for (int i = 0; i < rounds / 5; ++i) {
            std::unique_lock guard(lock);
            condition.wait(guard, [&] { return turn % threads == number; });
            ++turn;
            condition.notify_all();
        }
    });
    EXPECT_EQ(turn, rounds / 5 * threads);
}

TEST_F(SyncThreads, AQueueCarriesEveryValueOnce) {
    Queue<std::string> queue(8, 1024);
    Value<long> sum(0);
    std::vector<std::thread> takers;
    for (int i = 0; i < threads; ++i) {
        takers.emplace_back([&] {
            try {
                for (;;) {
                    const auto length = static_cast<long>(queue.get().size());
                    sum.update([&](long& all) { all += length; });
                }
            } catch (const EndOfFile&) {
            }
        });
    }
    in_threads([&](int) {
        for (int i = 0; i < rounds; ++i) queue.put(std::string(static_cast<std::size_t>(i % 100), 'x'));
    });
    queue.close();
    for (std::thread& taker : takers) taker.join();
    EXPECT_EQ(sum.load(), threads * (rounds / 100) * (99L * 100 / 2));
}

}  // namespace
}  // namespace haid
