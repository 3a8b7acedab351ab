// How items end is told to whoever listens, once: on workers that are processes. For threads see pool_threads_test.cpp,
// for nodes pool_nodes_test.cpp.
#include <gmock/gmock.h>
#include <signal.h>

#include <string>

#include "heard.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class PoolEndings : public PoolTest {
  protected:
    PoolEndings() { engine_ = detail::Engine::of_processes(with_workers(2)); }

    std::unique_ptr<detail::Engine> engine_;
    Heard heard_;
};

TEST_F(PoolEndings, AreHeardOfEachItemOnce) {
    for (std::uint32_t chunk_size : {0U, 1U, 7U}) {
        Heard heard;
        detail::Limits limits;
        limits.chunk_size = chunk_size;
        EXPECT_EQ(map_heard<true>(*engine_, twice, up_to(5000), limits, heard).size(), 5000U);
        heard.expect_whole(5000);
        for (const auto& [item, attempts] : heard.of) {
            const Heard::Attempt& only = attempts.at(0);
            ASSERT_FALSE(only.failed);
            ASSERT_EQ(only.host, "");
            ASSERT_TRUE(only.worker == 0 || only.worker == 1) << only.worker;
            ASSERT_GT(only.took, 0ns);
        }
    }
}

int fails_twice_at_three(int value) {
    if (value == 3 && ++shared->counters[0] <= 2) throw std::runtime_error("not yet");
    return value;
}

TEST_F(PoolEndings, AreHeardOfAttemptsThatAreTriedAgain) {
    detail::Limits limits;
    limits.retries = 2;
    limits.backoff = 1ms;
    EXPECT_EQ(map_heard<true>(*engine_, fails_twice_at_three, up_to(10), limits, heard_).at(3).value(), 3);
    heard_.expect_whole(10);
    ASSERT_EQ(heard_.of[3].size(), 3U);
    EXPECT_TRUE(heard_.of[3][0].failed);
    EXPECT_TRUE(heard_.of[3][1].failed);
    EXPECT_FALSE(heard_.of[3][2].failed);
    EXPECT_EQ(heard_.of[4].size(), 1U);
}

int dies_at_three(int value) {
    if (value == 3) die(Way::kill);
    return value;
}

TEST_F(PoolEndings, AreHeardOfWorkersThatDie) {
    detail::Limits limits;
    limits.retries = 1;
    const auto results = map_heard<true>(*engine_, dies_at_three, up_to(10), limits, heard_);
    heard_.expect_whole(10);
    ASSERT_EQ(heard_.of[3].size(), 2U);
    expect_thrown<WorkerLost>([&] { std::rethrow_exception(heard_.of[3][1].error); },
                              [&](const WorkerLost& lost) { EXPECT_EQ(lost.worker(), heard_.of[3][1].worker); });
    EXPECT_EQ(results.at(3).error(), heard_.of[3][1].error) << "what the call was told";
}

int fails_at_three(int value) {
    if (value == 3) throw std::out_of_range("three");
    return value;
}

TEST_F(PoolEndings, AreThoseThatTheCallIsTold) {
    detail::Limits limits;
    limits.stop_at_failure = true;
    limits.one_at_a_time = true;
    const auto results = map_heard<true>(*engine_, fails_at_three, up_to(10'000), limits, heard_);
    EXPECT_EQ(heard_.of.size(), results.size());
    EXPECT_LT(results.size(), 10'000U);
    EXPECT_TRUE(heard_.of.at(3).at(0).failed);
}

// Takes one value of each frame.
struct TakesOne : detail::AllResults<int> {
    using AllResults::AllResults;
    void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) override {
        AllResults::values(first, 1, from, decoded);
        if (count > 1) throw DecodeError("it is no number");
    }
};

TEST_F(PoolEndings, OfWhatCannotBeDecodedAreFailures) {
    detail::Limits limits;
    limits.chunk_size = 50;
    const auto results = map_heard<true, TakesOne>(*engine_, twice, up_to(50), limits, heard_);
    ASSERT_EQ(results.size(), 50U);
    heard_.expect_whole(50);
    std::size_t failed = 0;
    for (const auto& result : results) {
        EXPECT_EQ(heard_.of[result.index()][0].failed, !result);
        if (result) continue;
        ++failed;
        EXPECT_THAT(result.what(), HasSubstr("cannot be decoded: it is no number"));
    }
    EXPECT_GT(failed, 0U);
}

struct Refuses : detail::AllResults<int> {
    using AllResults::AllResults;
    void values(std::uint64_t, std::uint32_t, Decoder&, std::uint32_t&) override { throw std::bad_alloc(); }
};

TEST_F(PoolEndings, ACallThatCannotTakeItsResultsEnds) {
    EXPECT_THROW((map_heard<true, Refuses>(*engine_, twice, up_to(1000), {}, heard_)), std::bad_alloc);
    EXPECT_TRUE(heard_.of.empty());
    EXPECT_EQ(map_heard<true>(*engine_, twice, up_to(100), {}, heard_).size(), 100U);
}

}  // namespace
}  // namespace haid
