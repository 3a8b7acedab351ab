#include "haid/event.hpp"

#include <vector>

#include "sync_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class EventTest : public SyncTest {
  protected:
    pid_t start_waiter(Event& event) {
        return start_waiting([&] { event.wait(); });
    }
};

TEST_F(EventTest, WakesAllThatWait) {
    Event event;
    EXPECT_FALSE(event.is_set());
    std::vector<pid_t> waiters;
    for (int i = 0; i < 4; ++i) waiters.push_back(start_waiter(event));
    for (pid_t waiter : waiters) until_asleep(waiter);
    event.set();
    for (pid_t waiter : waiters) EXPECT_EQ(end(waiter), 0);
    EXPECT_TRUE(event.is_set());
    event.wait();
    event.set();
    EXPECT_TRUE(event.wait_for(0s));
    event.clear();
    event.clear();
    EXPECT_FALSE(event.is_set());
    EXPECT_FALSE(event.wait_for(0s));
}

TEST_F(EventTest, WhoWaitsGoesOnEvenIfItIsClearedAtOnce) {
    Event event;
    for (int round = 0; round < 100; ++round) {
        const pid_t waiter = start_waiter(event);
        until_asleep(waiter);
        event.set();
        event.clear();
        EXPECT_EQ(end(waiter), 0);
    }
}

TEST_F(EventTest, WaitsAreNotShorterThanAskedFor) {
    Event event;
    expect_waits_in_vain([&](auto limit) { return event.wait_for(limit); },
                         [&](auto until) { return event.wait_until(until); });
    event.set();
    EXPECT_TRUE(event.wait_until(std::chrono::steady_clock::time_point::max()));
}

TEST_F(EventTest, SignalsDoNotEndAWait) {
    Event event;
    expect_signals_not_to_end([&] { event.wait(); }, [&] { event.set(); });
}

TEST_F(EventTest, PingPong) {
    Event ping, pong;
    const pid_t other = start([&] {
        for (int i = 0; i < 2000; ++i) {
            ping.wait();
            ping.clear();
            pong.set();
        }
        return 0;
    });
    for (int i = 0; i < 2000; ++i) {
        ping.set();
        pong.wait();
        pong.clear();
    }
    EXPECT_EQ(end(other), 0);
}

TEST_F(EventTest, KilledAtAnyMomentLeavesItInOrder) {
    for (int round = 0; round < 200; ++round) {
        Event event;
        const pid_t waiter = start_waiter(event);
        const pid_t setter = start([&]() -> int {
            pause(std::chrono::microseconds(round % 20));
            event.set();
            for (;;) {
                event.clear();
                event.set();
            }
        });
        pause(std::chrono::microseconds(100 + 5 * (round % 100)));
        kill(setter);
        const bool was_set = event.is_set();
        if (!was_set) event.set();
        EXPECT_EQ(end(waiter), 0);
        event.clear();
        EXPECT_FALSE(event.is_set());
    }
}

TEST_F(EventTest, WhoDiesWaitingIsNotMissed) {
    Event event;
    const pid_t dies = start_waiter(event);
    const pid_t lives = start_waiter(event);
    until_asleep(dies);
    until_asleep(lives);
    kill(dies);
    event.set();
    EXPECT_EQ(end(lives), 0);
}

}  // namespace
}  // namespace haid
