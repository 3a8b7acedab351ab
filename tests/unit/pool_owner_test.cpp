// A pool and what it gives belong to the process that made them, and to the object that they were moved to.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "haid/process.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class PoolOwner : public PoolTest {};

void expect_exits(int code) {
    Process process([code] { std::exit(code); });
    process.start();
    process.join();
    EXPECT_EQ(process.exit_code(), code);
}

// In a process of its own: what is static stays until its end.
template <class Body>
void in_another_process(Body body) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::alarm(30);  // as the test's own, which a fork does not hand on
        body();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
}

template <class AnyPool>
void use_a_static_pool_and_exit_in_a_child() {
    static AnyPool pool(2);
    EXPECT_EQ(pool.map(twice, std::vector{1, 2}), (std::vector{2, 4}));
    expect_exits(5);
}

TEST_F(PoolOwner, AChildThatExitsDestroysAStaticThreadPool) {
    in_another_process(use_a_static_pool_and_exit_in_a_child<ThreadPool>);
}

TEST_F(PoolOwner, AChildThatExitsDestroysAStaticPool) {
    in_another_process(use_a_static_pool_and_exit_in_a_child<Pool>);
}

// Threads of the parent sleep in what the child destroys.
void exit_in_a_child_while_threads_wait() {
    static Pool pool(2);
    static ThreadPool threads(2);
    static auto later = pool.map_async(twice, std::vector(10, 1));
    static auto one = threads.apply_async(twice, std::tuple{1});
    EXPECT_EQ(later.get().size(), 10U);
    EXPECT_EQ(one.get(), 2);
    static constexpr auto until_told = [](int) {
        while (shared->counters[0] == 0) std::this_thread::sleep_for(1ms);
    };
    static auto results = pool.imap(until_told, std::vector{0, 1});
    static auto slow = pool.map_async(until_told, std::vector{0, 1});
    std::jthread first([] { slow.wait(); });
    std::jthread second([] { slow.wait(); });
    std::this_thread::sleep_for(20ms);
    expect_exits(5);
    shared->counters[0] = 1;
}

TEST_F(PoolOwner, AChildThatExitsDestroysAStaticPoolThatIsWaitedFor) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "what the parent's threads hold is nobody's in a child, which LeakSanitizer calls a leak";
#endif
    in_another_process(exit_in_a_child_while_threads_wait);
}

const std::vector three{0, 1, 2};
const std::vector two{0, 1};

template <class AnyPool>
void expect_refuses_in_a_child() {
    AnyPool pool(2);
    auto later = pool.map_async(twice, three);
    EXPECT_EQ(later.get().size(), 3U);
    auto results = pool.imap(twice, three);
    Process process([&] {
        const auto refused = [](auto body) {
            try {
                body();
                std::_Exit(1);
            } catch (const Error& error) {
                if (std::string(error.what()).find("belongs to another process") == std::string::npos) std::_Exit(2);
            }
        };
        refused([&] { pool.map(twice, three); });
        refused([&] { pool.apply(twice, 1); });
        refused([&] { pool.apply_async(twice, std::tuple{1}); });
        refused([&] { pool.imap(twice, three); });
        refused([&] { results.next(); });
        refused([&] { later.get(); });
        refused([&] { static_cast<void>(later.wait_for(1s)); });
        refused([&] { pool.close(); });
        refused([&] { pool.join(); });
        refused([&] { pool.terminate(); });
        AnyPool own(1);
        if (own.apply(twice, 4) != 8) std::_Exit(3);
        { const AnyPool moved(std::move(pool)); }
        std::exit(7);
    });
    process.start();
    process.join();
    EXPECT_EQ(process.exit_code(), 7);
    EXPECT_EQ(results.next()->value(), 0);
    EXPECT_EQ(pool.map(twice, std::vector{4}), std::vector{8});
}

TEST_F(PoolOwner, OfAPoolIsTheProcessThatMadeIt) {
    expect_refuses_in_a_child<Pool>();
}

TEST_F(PoolOwner, OfAThreadPoolIsTheProcessThatMadeIt) {
    expect_refuses_in_a_child<ThreadPool>();
}

template <class Body>
void expect_moved(Body body) {
    expect_thrown<Error>(body, [](const Error& error) {
        EXPECT_NE(std::string(error.what()).find("moved from"), std::string::npos) << error.what();
    });
}

// NOLINTBEGIN(bugprone-use-after-move): what this is about
template <class AnyPool>
void expect_errors_where_moved_from() {
    AnyPool pool(1);
    auto later = pool.map_async(twice, two);
    auto results = pool.imap(twice, two);
    AnyPool other(std::move(pool));
    expect_moved([&] { pool.map(twice, two); });
    expect_moved([&] { pool.map_results(twice, two); });
    expect_moved([&] { pool.apply(twice, 1); });
    expect_moved([&] { pool.map_async(twice, two); });
    expect_moved([&] { pool.apply_async(twice, std::tuple{1}); });
    expect_moved([&] { pool.imap(twice, two); });
    expect_moved([&] { static_cast<void>(pool.workers()); });
    expect_moved([&] { pool.close(); });
    expect_moved([&] { pool.terminate(); });
    expect_moved([&] { pool.join(); });
    auto same = std::move(later);
    expect_moved([&] { later.wait(); });
    expect_moved([&] { static_cast<void>(later.wait_for(1s)); });
    expect_moved([&] { later.get(); });
    expect_moved([&] { static_cast<void>(later.ready()); });
    expect_moved([&] { static_cast<void>(later.successful()); });
    EXPECT_EQ(same.get(), (std::vector{0, 2}));
    auto rest = std::move(results);
    expect_moved([&] { results.next(); });
    expect_moved([&] { results.next_for(1s); });
    expect_moved([&] { results.begin(); });
    EXPECT_EQ(rest.next()->value(), 0);
    AnyPool& itself = other;
    other = std::move(itself);
    EXPECT_EQ(other.apply(twice, 3), 6);
    pool = std::move(other);
    EXPECT_EQ(pool.apply(twice, 3), 6);
    expect_moved([&] { other.apply(twice, 3); });
}
// NOLINTEND(bugprone-use-after-move)

TEST_F(PoolOwner, OfAPoolIsTheOneThatItWasMovedTo) {
    expect_errors_where_moved_from<Pool>();
}

TEST_F(PoolOwner, OfAThreadPoolIsTheOneThatItWasMovedTo) {
    expect_errors_where_moved_from<ThreadPool>();
}

}  // namespace
}  // namespace haid
