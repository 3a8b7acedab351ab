// "Killed at any instant" taken at its word: a child is led through an operation instruction by instruction, and killed
// after the first, the second, ... of them, while another process sleeps that the operation would wake.
#include <sys/ptrace.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "haid/barrier.hpp"
#include "haid/error.hpp"
#include "haid/event.hpp"
#include "haid/lock.hpp"
#include "haid/queue.hpp"
#include "haid/semaphore.hpp"
#include "haid/shared_array.hpp"
#include "sync_fixture.hpp"

namespace haid {
namespace {

class EveryInstantTest : public SyncTest {
  protected:
    // For each operation: every second to eighth instruction. Sanitizers multiply instructions, and look for other
    // things.
#ifdef __SANITIZE_ADDRESS__
    static constexpr int instants = 20;
#else
    static constexpr int instants = 100;
#endif
    static constexpr int too_many = 1'000'000;  // instructions

    // Leads a child through `act`; kills it after `steps` instructions, or where it has done. How many it made; -1
    // where it cannot be led.
    int kill_within(const std::function<void()>& act, int steps) {
        SharedArray<std::atomic<bool>> done(1);
        const pid_t child = start([&] {
            if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 1;
            ::raise(SIGSTOP);
            act();
            done[0] = true;
            for (;;) ::pause();
        });
        int status = 0;
        if (::waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status)) return -1;
        int made = 0;
        for (; made < steps && !done[0]; ++made) {
            if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) return -1;
            if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return -1;
        }
        kill(child);
        return made;
    }

    // For each instant: `prepare` makes what is needed, the child is killed within `act`, `check` looks at what is
    // left.
    template <class Case>
    void try_every_instant() {
        const auto one_with = [&](int steps) {
            ::alarm(patience);
            Case subject;
            subject.prepare(*this);
            const int made = kill_within([&] { subject.act(); }, steps);
            if (made >= 0) subject.check(*this);
            return made;
        };
        {
            Case subject;  // the dynamic linker looks a function up at its first call: not to be counted below
            subject.prepare(*this);
            subject.act();
            subject.check(*this);
        }
        const int all = one_with(too_many);
        if (all < 0 || all == too_many) GTEST_SKIP() << "processes cannot be led here";
        for (int i = 0; i < instants; ++i) {
            one_with(static_cast<int>(static_cast<long>(all) * i / instants));
            if (HasFatalFailure()) return;
        }
    }

  public:
    using SyncTest::asleep_in;
    using SyncTest::end;
    using SyncTest::pause;
};

struct LockCase {
    Lock lock;
    SharedArray<volatile int> pair{2};

    void prepare(EveryInstantTest&) {}
    void act() {
        std::scoped_lock guard(lock);
        pair[0] = pair[0] + 1;
        pair[1] = pair[1] + 1;
    }
    void check(EveryInstantTest&) {
        try {
            std::scoped_lock guard(lock);
            EXPECT_EQ(pair[0], pair[1]);
        } catch (const OwnerDied&) {
            std::scoped_lock guard(lock);
        }
    }
};
TEST_F(EveryInstantTest, Lock) {
    try_every_instant<LockCase>();
}

struct ReleaseCase {
    Semaphore semaphore{0};
    pid_t sleeper = 0;

    void prepare(EveryInstantTest& test) {
        sleeper = test.asleep_in([this] { semaphore.acquire(); });
    }
    void act() { semaphore.release(); }
    void check(EveryInstantTest& test) {
        // A permit is there, and the sleeper will take it, or there is none.
        while (semaphore.value() != 0)
            EveryInstantTest::pause(std::chrono::microseconds(100));  // for ever, if it sleeps
        semaphore.release();
        EXPECT_EQ(test.end(sleeper), 0);
    }
};
TEST_F(EveryInstantTest, Release) {
    try_every_instant<ReleaseCase>();
}

struct AcquireCase {
    Semaphore semaphore{1};

    void prepare(EveryInstantTest&) {}
    void act() { semaphore.acquire(); }
    void check(EveryInstantTest&) {
        const auto left = semaphore.value();
        EXPECT_LE(left, 1U);
        semaphore.release();
        EXPECT_EQ(semaphore.value(), left + 1);
    }
};
TEST_F(EveryInstantTest, Acquire) {
    try_every_instant<AcquireCase>();
}

struct SetCase {
    Event event;
    pid_t sleeper = 0;

    void prepare(EveryInstantTest& test) {
        sleeper = test.asleep_in([this] { event.wait(); });
    }
    void act() { event.set(); }
    void check(EveryInstantTest& test) {
        if (!event.is_set()) event.set();
        EXPECT_EQ(test.end(sleeper), 0);
    }
};
TEST_F(EveryInstantTest, Set) {
    try_every_instant<SetCase>();
}

struct ArriveCase {
    Barrier barrier{2};
    pid_t sleeper = 0;

    void prepare(EveryInstantTest& test) {
        sleeper = test.asleep_in([this] { barrier.wait(); });
    }
    void act() { barrier.wait(); }
    void check(EveryInstantTest& test) {
        if (barrier.waiting() == 1) barrier.wait();
        EXPECT_EQ(test.end(sleeper), 0);
    }
};
TEST_F(EveryInstantTest, Arrive) {
    try_every_instant<ArriveCase>();
}

struct PutCase {
    Queue<std::string> queue;
    pid_t sleeper = 0;
    const std::string value = std::string(100, 'x');

    void prepare(EveryInstantTest& test) {
        sleeper = test.asleep_in([this] {
            if (queue.get() != value) ::_exit(1);
        });
    }
    void act() { queue.put(value); }
    void check(EveryInstantTest& test) {
        // What the child has put must be enough to wake the sleeper.
        if (queue.empty()) queue.put(value);
        EXPECT_EQ(test.end(sleeper), 0);
        // It had been taken already, and another one was put.
        EXPECT_EQ(queue.try_get().value_or(value), value);
        EXPECT_TRUE(queue.empty());
    }
};
TEST_F(EveryInstantTest, Put) {
    try_every_instant<PutCase>();
}

struct GetCase {
    Queue<std::string> queue{1};
    pid_t sleeper = 0;

    void prepare(EveryInstantTest& test) {
        queue.put("first");
        sleeper = test.asleep_in([this] { queue.put("second"); });
    }
    void act() { queue.get(); }
    void check(EveryInstantTest& test) {
        const auto value = queue.get();  // for ever, where "first" was taken and nobody woken
        if (value == "first") {
            EXPECT_EQ(queue.get(), "second");
        } else {
            EXPECT_EQ(value, "second");
        }
        EXPECT_EQ(test.end(sleeper), 0);
        EXPECT_TRUE(queue.empty());
    }
};
TEST_F(EveryInstantTest, Get) {
    try_every_instant<GetCase>();
}

struct CloseCase {
    Queue<int> queue;
    pid_t sleeper = 0;

    void prepare(EveryInstantTest& test) {
        sleeper = test.asleep_in([this] {
            try {
                queue.get();
            } catch (const EndOfFile&) {
                ::_exit(7);
            }
        });
    }
    void act() { queue.close(); }
    void check(EveryInstantTest& test) {
        if (!queue.closed()) queue.close();
        EXPECT_EQ(test.end(sleeper), 7);
    }
};
TEST_F(EveryInstantTest, Close) {
    try_every_instant<CloseCase>();
}

}  // namespace
}  // namespace haid
