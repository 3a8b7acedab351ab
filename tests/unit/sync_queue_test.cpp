#include "haid/queue.hpp"

#include <atomic>
#include <numeric>
#include <string>
#include <vector>

#include "haid/error.hpp"
#include "haid/shared_array.hpp"
#include "sync_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class QueueTest : public SyncTest {};

TEST_F(QueueTest, GivesWhatWasPutInOrder) {
    Queue<std::string> queue;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.try_get(), std::nullopt);
    queue.put("one");
    queue.put("");
    queue.put(std::string(100'000, 'x'));
    EXPECT_EQ(queue.size(), 3U);
    EXPECT_EQ(queue.get(), "one");
    EXPECT_EQ(queue.get(), "");
    EXPECT_EQ(queue.try_get(), std::string(100'000, 'x'));
    EXPECT_TRUE(queue.empty());
}

TEST_F(QueueTest, ValuesOfEverySizeGoRoundTheEndOfItsMemory) {
    Queue<std::string> queue(0, 4096);
    for (std::size_t size = 0; size < 3000; ++size) {
        const std::string value(size, static_cast<char>('a' + size % 26));
        queue.put(value);
        ASSERT_EQ(queue.get(), value);
    }
}

TEST_F(QueueTest, HoldsNoMoreItemsThanItMay) {
    Queue<int> queue(2);
    EXPECT_TRUE(queue.try_put(1));
    EXPECT_FALSE(queue.full());
    EXPECT_TRUE(queue.try_put(2));
    EXPECT_TRUE(queue.full());
    EXPECT_FALSE(queue.try_put(3));
    EXPECT_EQ(queue.get(), 1);
    EXPECT_TRUE(queue.try_put(3));
}

TEST_F(QueueTest, HoldsNoMoreBytesThanItHas) {
    Queue<int> queue(0, 4096);
    int count = 0;
    while (queue.try_put(count)) ++count;
    EXPECT_EQ(count, 4096 / 16);
    EXPECT_TRUE(queue.full());
    for (int i = 0; i < count; ++i) EXPECT_EQ(queue.get(), i);
}

TEST_F(QueueTest, AValueThatNeverFitsIsAnErrorThatNamesBothSizes) {
    Queue<std::string> queue(0, 4096);
    try {
        queue.put(std::string(5000, 'x'));
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("5008"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("4096"), std::string::npos) << error.what();
    }
    queue.put(std::string(4096 - 16, 'x'));
    EXPECT_TRUE(queue.full());
}

TEST_F(QueueTest, ManyProducersAndConsumersLoseNothing) {
    constexpr int producers = 3, consumers = 3, values = 20'000;
    Queue<std::pair<int, int>> queue(0, 4096);
    SharedArray<std::atomic<int>> seen(producers * values);
    std::vector<pid_t> makers, takers;
    for (int i = 0; i < producers; ++i) {
        makers.push_back(start([&, i] {
            for (int n = 0; n < values; ++n) queue.put({i, n});
            return 0;
        }));
    }
    for (int i = 0; i < consumers; ++i) {
        takers.push_back(start([&] {
            std::vector<int> last(producers, -1);
            try {
                for (;;) {
                    const auto [producer, value] = queue.get();
                    if (value <= last[producer]) return 1;
                    last[producer] = value;
                    ++seen[producer * values + value];
                }
            } catch (const EndOfFile&) {
                return 0;
            }
        }));
    }
    for (pid_t maker : makers) EXPECT_EQ(end(maker), 0);
    queue.close();
    for (pid_t taker : takers) EXPECT_EQ(end(taker), 0);
    for (const auto& times : seen) ASSERT_EQ(times, 1);
}

TEST_F(QueueTest, WaitsForValuesAndForRoom) {
    Queue<int> queue(1);
    const pid_t taker = start([&] { return queue.get() + queue.get(); });
    until_asleep(taker);
    queue.put(3);
    queue.put(4);
    EXPECT_EQ(end(taker), 7);
    queue.put(5);
    const pid_t maker = start([&] {
        queue.put(6);
        return 0;
    });
    until_asleep(maker);
    EXPECT_EQ(queue.get(), 5);
    EXPECT_EQ(queue.get(), 6);
    EXPECT_EQ(end(maker), 0);
}

TEST_F(QueueTest, WaitsAreNotShorterThanAskedFor) {
    Queue<int> queue(1);
    const Stopwatch watch;
    EXPECT_EQ(queue.try_get_for(20ms), std::nullopt);
    EXPECT_GE(watch.elapsed(), 20ms);
    queue.put(1);
    EXPECT_FALSE(queue.try_put_for(2, 20ms));
    EXPECT_GE(watch.elapsed(), 40ms);
    const auto until = std::chrono::system_clock::now() + 20ms;
    EXPECT_FALSE(queue.try_put_until(2, until));
    EXPECT_GE(std::chrono::system_clock::now(), until);
    EXPECT_EQ(queue.try_get_until(std::chrono::steady_clock::now()), 1);
    const pid_t waiter = start([&] { return queue.get(); });
    until_asleep(waiter);
    EXPECT_EQ(queue.try_get_for(20ms), std::nullopt) << "behind another one that waits";
    queue.put(0);
    EXPECT_EQ(end(waiter), 0);
}

TEST_F(QueueTest, CloseLetsWhatIsThereBeTakenAndEndsAllWaits) {
    Queue<int> queue(2);
    const auto ends = [&](auto wait) {
        return start([=, &queue] {
            try {
                wait(queue);
            } catch (const EndOfFile&) {
                return 0;
            }
            return 1;
        });
    };
    std::vector<pid_t> waiters;
    for (int i = 0; i < 3; ++i) waiters.push_back(ends([](auto& q) { q.get(); }));
    for (pid_t waiter : waiters) until_asleep(waiter);
    queue.close();
    for (pid_t waiter : waiters) EXPECT_EQ(end(waiter), 0);
    queue.close();
    EXPECT_TRUE(queue.closed());
    EXPECT_THROW(queue.put(1), EndOfFile);
    EXPECT_THROW(static_cast<void>(queue.try_get()), EndOfFile);
}

TEST_F(QueueTest, CloseEndsTheWaitForRoom) {
    Queue<int> queue(1);
    queue.put(1);
    std::vector<pid_t> makers;
    for (int i = 0; i < 3; ++i) {
        makers.push_back(start([&] {
            try {
                queue.put(2);
            } catch (const EndOfFile&) {
                return 0;
            }
            return 1;
        }));
    }
    for (pid_t maker : makers) until_asleep(maker);
    queue.close();
    for (pid_t maker : makers) EXPECT_EQ(end(maker), 0);
    EXPECT_EQ(queue.get(), 1);
    EXPECT_THROW(queue.get(), EndOfFile);
}

TEST_F(QueueTest, SignalsDoNotEndAWait) {
    Queue<int> queue;
    const Interruptions interruptions;
    const pid_t waiter = start([&] { return queue.get(); });
    Interruptions::interrupt(waiter, until_asleep);
    queue.put(0);
    EXPECT_EQ(end(waiter), 0);
}

TEST_F(QueueTest, BytesThatAreNoValueAreAnErrorAndGone) {
    Queue<int> queue;
    queue.put(1);
    queue.put(2);
    void* same = &queue;
    auto& other = *static_cast<Queue<std::string>*>(same);
    EXPECT_THROW(other.get(), DecodeError);
    EXPECT_EQ(queue.get(), 2);
}

// Values say what they must look like, so that a torn one is found.
std::vector<int> numbered(int n) {
    std::vector<int> value(static_cast<std::size_t>(1 + n % 300));
    std::iota(value.begin(), value.end(), n);
    return value;
}

TEST_F(QueueTest, KilledProducersLeaveWholeValuesInOrder) {
    Queue<std::vector<int>> queue(0, 8192);
    for (int round = 0; round < 200; ++round) {
        const pid_t maker = start([&]() -> int {
            for (int n = 0;; ++n) queue.put(numbered(n));
        });
        const pid_t other = start([&]() -> int {
            for (int n = 0;; ++n) queue.put(numbered(n));
        });
        const pid_t taker = start([&] {
            for (;;) {
                const auto value = queue.get();
                if (value == std::vector{-1}) return 0;
                if (value.empty() || value != numbered(value[0])) return 1;
            }
        });
        pause(std::chrono::microseconds(500 + 7 * (round % 100)));
        kill(maker);
        kill(other);
        queue.put({-1});
        ASSERT_EQ(end(taker), 0);
        ASSERT_TRUE(queue.empty());
    }
}

TEST_F(QueueTest, KilledConsumersTakeAtMostOneValueAlong) {
    Queue<std::vector<int>> queue(0, 8192);
    for (int round = 0; round < 200; ++round) {
        SharedArray<std::atomic<int>> given(1);
        SharedArray<std::atomic<int>> taken(2);
        const auto take = [&](int who) {
            return start([&, who]() -> int {
                for (;;) {
                    const auto value = queue.get();
                    if (value.empty() || value != numbered(value[0])) return 1;
                    ++taken[who];
                }
            });
        };
        const pid_t first = take(0);
        const pid_t second = take(1);
        const pid_t maker = start([&] {
            for (int n = 0; n < 500; ++n) {
                queue.put(numbered(n));
                ++given[0];
            }
            return 0;
        });
        pause(std::chrono::microseconds(400 + 7 * (round % 100)));
        EXPECT_EQ(kill(first), -SIGKILL);
        EXPECT_EQ(end(maker), 0);
        while (!queue.empty()) pause(100us);  // for ever, if the other consumer sleeps
        until_asleep(second);
        EXPECT_EQ(kill(second), -SIGKILL);
        EXPECT_GE(taken[0] + taken[1], 499);
        EXPECT_LE(taken[0] + taken[1], 500);
    }
}

// Closing is one instant as well.
TEST_F(QueueTest, KilledWhileItCloses) {
    for (int round = 0; round < 100; ++round) {
        Queue<int> queue;
        const pid_t taker = start([&] {
            try {
                queue.get();
            } catch (const EndOfFile&) {
                return 0;
            }
            return 1;
        });
        if (round % 2 == 0) until_asleep(taker);
        const pid_t closer = start([&]() -> int {
            queue.close();
            for (;;) ::pause();
        });
        pause(std::chrono::microseconds(100 + 3 * round));
        kill(closer);
        if (!queue.closed()) queue.close();
        EXPECT_EQ(end(taker), 0);
    }
}

// On one of 60 MB most of the time goes into copying: a process that is stopped at any instant is in the middle of it.
TEST_F(QueueTest, TimeLimitsHoldWhereAPeerIsStoppedInTheMiddle) {
    const std::string large(60'000'000, 'x');
    Queue<std::string> queue(1, std::size_t{1} << 26);
    const pid_t peer = start([&]() -> int {
        for (;;) {
            queue.put(large);
            queue.get();
        }
    });
    bool while_putting = false;
    bool while_taking = false;
    while (!while_putting || !while_taking) {
        pause(3ms);
        ::kill(peer, SIGSTOP);
        int status = 0;
        ASSERT_EQ(::waitpid(peer, &status, WUNTRACED), peer);
        const Stopwatch watch;
        if (queue.empty()) {
            if (queue.try_put_for(large, 10ms)) {
                EXPECT_EQ(queue.get(), large);
            } else {
                while_putting = true;
                EXPECT_FALSE(queue.try_put(large));
            }
        } else {
            if (const auto value = queue.try_get_for(10ms)) {
                queue.put(*value);
            } else {
                while_taking = true;
                EXPECT_EQ(queue.try_get(), std::nullopt);
            }
        }
        EXPECT_LT(watch.elapsed(), 10s);
        ::kill(peer, SIGCONT);
    }
}

}  // namespace
}  // namespace haid
