// Pools over nodes, without Slurm: what stands for srun starts this very program several times on this machine, each
// time as another node.
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <system_error>

#include "haid/exception.hpp"
#include "haid/process.hpp"
#include "haid/random.hpp"
#include "heard.hpp"
#include "library/pool_over_nodes.hpp"
#include "pool_fixture.hpp"
#include "remote/build.hpp"
#include "remote/engine.hpp"
#include "system/process_table.hpp"

namespace haid {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* pretended_srun = R"(#!/bin/bash
nodes=(${NODES_LEFT:-a1 a2 a3})
while [[ $1 == -* ]]; do
    case $1 in -N) wanted=$2; shift 2 ;; -n) shift 2 ;; *) shift ;; esac
done
[ $wanted = ${#nodes[@]} ] || exec sleep 1000  # as srun waits for nodes that the job has not
for node in ${nodes[@]}; do SLURMD_NODENAME=$node "$@" & done
wait
)";
constexpr const char* pretended_squeue = R"(#!/bin/bash
set -- ${NODES_LEFT:-a1 a2 a3}
IFS=,
echo "1|1|N/A|$1|$*"
)";

class PoolNodesTest : public PoolTest {
  protected:
    PoolNodesTest() {
        folder_ = testing::TempDir() + "haid-nodes-XXXXXX";
        if (!::mkdtemp(folder_.data())) throw std::runtime_error("mkdtemp failed");
        for (const auto& [name, program] : {std::pair("/srun", pretended_srun), {"/squeue", pretended_squeue}}) {
            std::ofstream(folder_ + name) << program;
            ::chmod((folder_ + name).c_str(), 0755);
        }
        set("PATH", folder_ + ":" + std::getenv("PATH"));
        set("HAID_RUN_FOLDER", folder_ + "/run");
        set("SLURM_JOB_ID", "1");
        set("SLURM_JOB_NODELIST", "a[1-3]");
        set("SLURM_JOB_CPUS_PER_NODE", "2(x3)");
    }
    ~PoolNodesTest() override {
        for (const auto& [name, value] : before_) {
            value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
        }
        std::filesystem::remove_all(folder_);
    }
    void set(const std::string& name, const std::string& value) {
        const char* old = std::getenv(name.c_str());
        before_.try_emplace(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
        ::setenv(name.c_str(), value.c_str(), 1);
    }

    std::string folder_;
    std::map<std::string, std::optional<std::string>> before_;
};

std::string node_of(int) {
    ::usleep(20'000);
    const char* name = std::getenv("SLURMD_NODENAME");
    return name != nullptr ? name : "";
}

std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

int fails_at_three(int value) {
    if (value == 3) throw std::out_of_range("three");
    return value;
}

int dies_at_three(int value) {
    if (value == 3) ::raise(SIGKILL);
    return value;
}

struct Counter {
    std::int64_t value;
    std::int64_t plus_one() const { return value + 1; }
};

struct Shape {
    virtual ~Shape() = default;
    virtual int sides() const { return 0; }
};
struct Square final : Shape {
    int sides() const override { return 4; }
};
int begun = 0;
void begin() {
    begun = 7;
}

TEST(MemberNumberTest, IsThePointerAgain) {
    int (Shape::*sides)() const = nullptr;
    detail::MemberNumber<decltype(sides)>::of(&Shape::sides).put_into(sides);
    EXPECT_EQ((Square().*sides)(), 4);
    std::int64_t (Counter::*plus_one)() const = nullptr;
    detail::MemberNumber<decltype(plus_one)>::of(&Counter::plus_one).put_into(plus_one);
    EXPECT_EQ(plus_one, &Counter::plus_one);
}

std::pair<std::uint64_t, std::uint32_t> index_and_number(int) {
    return {item_index().value(), stream(2026)()};
}
std::pair<std::uint64_t, std::uint32_t> of_second_try(int item) {
    const std::string tried = std::getenv("HAID_RUN_FOLDER") + (".tried." + std::to_string(item));
    if (item % 7 == 3 && !std::filesystem::exists(tried)) {
        std::ofstream(tried) << item;
        throw std::runtime_error("not yet");
    }
    return index_and_number(item);
}

int first_of_second_try(int item) {
    if (item == 5) throw std::out_of_range("five");
    return static_cast<int>(of_second_try(item).first);
}

// Whose item is judged on its node: how often, where and by which worker comes back.
TEST_F(PoolNodesTest, EndingsAreHeard) {
    const std::unique_ptr<detail::Engine> engine(haid_pool_over_nodes({.workers = 2, .nodes = "slurm"}));
    ASSERT_TRUE(engine);
    detail::Limits limits;
    limits.retries = 1;
    Heard heard;
    const auto results = map_heard<true>(*engine, first_of_second_try, up_to(300), limits, heard);
    heard.expect_whole(300);
    for (const auto& [item, attempts] : heard.of) {
        EXPECT_EQ(attempts.size(), item % 7 == 3 || item == 5 ? 2U : 1U) << item;
        EXPECT_EQ(attempts.back().failed, item == 5);
        for (const auto& attempt : attempts) {
            EXPECT_THAT(attempt.host, testing::AnyOf("a1", "a2", "a3"));
            EXPECT_TRUE(attempt.worker >= 0 && attempt.worker < 6) << attempt.worker;
            EXPECT_GT(attempt.took, 0ns);
        }
    }
    EXPECT_EQ(results.at(5).what(), "five");
    EXPECT_EQ(results.at(5).error(), heard.of[5].back().error);
}

// A host has calls of its own, whose tasks are these items.
TEST_F(PoolNodesTest, ItemsHaveTheirIndicesAndStreams) {
    Pool pool({.workers = 2, .nodes = "slurm"});
    const auto expected = [](std::uint64_t index) { return std::pair(index, Philox(2026, index)()); };
    const auto all = pool.map(index_and_number, up_to(3000));
    for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], expected(i));
    const auto again = pool.map(of_second_try, up_to(60), {.retries = 1, .backoff = 1ms});
    for (std::size_t i = 0; i < again.size(); ++i) ASSERT_EQ(again[i], expected(i));
    std::size_t at = 0;
    for (auto& result : pool.imap(index_and_number, up_to(200))) ASSERT_EQ(*result, expected(at++));
    for (std::uint64_t call = 0; call < 10; ++call) ASSERT_EQ(pool.apply(index_and_number, 0), expected(call));
}

TEST_F(PoolNodesTest, EveryKindOfCall) {
    Pool pool({.workers = 2, .nodes = "slurm"});
    EXPECT_EQ(pool.workers(), 6);
    const std::vector<int> numbers = up_to(5000);
    std::vector<int> doubled = pool.map(twice, numbers);
    for (int number : numbers) ASSERT_EQ(doubled[static_cast<std::size_t>(number)], 2 * number);
    const std::vector<std::string> names = pool.map(node_of, up_to(60));
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), (std::set<std::string>{"a1", "a2", "a3"}));
    const std::vector<std::tuple<std::string, int>> arguments = {{"ab", 2}, {"", 5}, {"x", 3}};
    EXPECT_EQ(pool.starmap(repeated, arguments), (std::vector<std::string>{"abab", "", "xxx"}));
    EXPECT_EQ(pool.apply(repeated, std::string("yz"), 2), "yzyz");
    int sum = 0;
    for (auto&& result : pool.imap_unordered(twice, up_to(300))) sum += result.value();
    EXPECT_EQ(sum, 300 * 299);
    auto later = pool.map_async([](int value) { return value + 1; }, up_to(10));
    EXPECT_EQ(later.get().back(), 10);
    EXPECT_EQ(pool.map(&Counter::plus_one, std::vector<Counter>{{1}, {2}}), (std::vector<std::int64_t>{2, 3}));
    EXPECT_TRUE(pool.map(twice, std::vector<int>{}).empty());
    pool.close();
    pool.join();
}

TEST_F(PoolNodesTest, WhatIsLargerThanAMessageArrivesWhole) {
    Pool pool({.workers = 1, .nodes = "slurm"});
    const std::string text(3 << 20, 'x');
    for (const std::string& one : pool.map([](const std::string& part) { return part + part; },
                                           std::vector<std::string>{text, "", text + "y"})) {
        EXPECT_EQ(one.size() % 2, 0u);
    }
    EXPECT_EQ(pool.apply(repeated, text, 4).size(), 4 * text.size());
}

TEST_F(PoolNodesTest, ErrorsComeToTheCaller) {
    Pool pool({.workers = 2, .nodes = "slurm"});
    EXPECT_THROW(pool.map(fails_at_three, up_to(10)), std::out_of_range);
    try {
        pool.map(dies_at_three, up_to(6));
        FAIL() << "nothing was lost";
    } catch (const WorkerLost& lost) {
        EXPECT_EQ(lost.signal(), SIGKILL);
        EXPECT_EQ(lost.task(), 3u);
        EXPECT_THAT(lost.what(), HasSubstr(" (on a"));
    }
    EXPECT_THROW(pool.map([](int milliseconds) { ::usleep(static_cast<useconds_t>(milliseconds) * 1000); },
                          std::vector<int>{1, 20'000}, {.timeout = 300ms}),
                 TimeoutError);
    EXPECT_EQ(pool.map(twice, up_to(3)), (std::vector<int>{0, 2, 4}));
}

class OffScale : public std::out_of_range {
  public:
    OffScale(const std::string& what, double limit) : std::out_of_range(what), most(limit) {}
    double most;
};
const bool off_scale = crossing_exception<OffScale>(&OffScale::what, &OffScale::most);

int goes_off_scale(int value) {
    try {
        throw std::system_error(ERANGE, std::generic_category(), "a sensor");
    } catch (const std::exception&) {
        std::throw_with_nested(OffScale("off scale", value));
    }
}

TEST_F(PoolNodesTest, ExceptionsArriveAsWhatTheyWere) {
    Pool pool({.workers = 1, .nodes = "slurm"});
    expect_thrown<OffScale>([&] { pool.apply(goes_off_scale, 7); },
                            [](const OffScale& error) {
                                EXPECT_STREQ(error.what(), "off scale");
                                EXPECT_EQ(error.most, 7);
                                EXPECT_THROW(std::rethrow_if_nested(error), std::system_error);
                            });
}

TEST_F(PoolNodesTest, AChildOfTheProgramHasNoPartInAPool) {
    Pool pool({.workers = 1, .nodes = "slurm"});
    Process child([&] {
        EXPECT_THROW(pool.apply(twice, 1), Error);
        EXPECT_THROW(pool.terminate(), Error);
        const Pool gone(std::move(pool));
        std::exit(testing::Test::HasFailure() ? 1 : 7);
    });
    child.start();
    child.join();
    EXPECT_EQ(child.exit_code(), 7);
    EXPECT_EQ(pool.apply(twice, 4), 8);
}

TEST_F(PoolNodesTest, AFunctionOfALibraryIsRefused) {
    Pool pool({.workers = 1, .nodes = "slurm"});
    int (*function)(int) = &::abs;
    EXPECT_THROW(pool.map(function, up_to(3)), std::invalid_argument);
    EXPECT_EQ(pool.map([](int value) { return ::abs(value); }, std::vector<int>{-1}), std::vector<int>{1});
}

TEST_F(PoolNodesTest, AnInitializerIsAPlainFunction) {
    Pool pool({.workers = 1, .initializer = begin, .nodes = "slurm"});
    EXPECT_EQ(pool.map([](int) { return begun; }, up_to(3)), (std::vector<int>{7, 7, 7}));
    int captured = 0;
    EXPECT_THROW(Pool({.initializer = [&captured] { ++captured; }, .nodes = "slurm"}), std::invalid_argument);
}

TEST_F(PoolNodesTest, APoolThatIsEndedEndsWhatRuns) {
    auto pool = std::make_unique<Pool>(PoolOptions{.workers = 1, .nodes = "slurm"});
    auto result = pool->map_async([](int) { ::sleep(600); }, up_to(6));
    pool->terminate();
    EXPECT_THROW(result.get(), PoolClosed);
    EXPECT_THROW(pool->apply(twice, 1), PoolClosed);
    pool.reset();
}

TEST_F(PoolNodesTest, ANodeThatTheJobHasLostIsNotWaitedFor) {
    set("NODES_LEFT", "a1 a3");
    Pool pool({.workers = 1, .nodes = "slurm"});
    const auto nodes = pool.map(node_of, up_to(40));
    EXPECT_EQ(std::set(nodes.begin(), nodes.end()), (std::set<std::string>{"a1", "a3"}));
}

TEST_F(PoolNodesTest, TheOneNodeOfTheJobIsNotThisHost) {
    set("SLURM_JOB_NODELIST", "a2");
    set("SLURM_JOB_CPUS_PER_NODE", "2");
    set("NODES_LEFT", "a2");
    Pool pool({.workers = 1, .nodes = "slurm"});
    EXPECT_EQ(pool.apply(node_of, 1), "a2");
}

TEST_F(PoolNodesTest, AJobThatNamesNoNodesIsThisNode) {
    set("SLURM_JOB_NODELIST", "");
    Pool pool({.workers = 1, .nodes = "slurm"});
    EXPECT_EQ(pool.apply(twice, 4), 8);
    EXPECT_FALSE(remote::spans_nodes("slurm"));
}

TEST_F(PoolNodesTest, AnotherBuildIsRefused) {
    const remote::EngineSettings settings{
        remote::plan_for("slurm"), {std::filesystem::read_symlink("/proc/self/exe")}, "another", {}};
    testing::internal::CaptureStderr();
    try {
        remote::make_engine(settings);
        ADD_FAILURE() << "it was not refused";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("no node is left"));
    }
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("all nodes must run the same file"));
}

TEST_F(PoolNodesTest, AProgramThatCannotBeStartedIsNamed) {
    set("PATH", "/nowhere");
    try {
        Pool pool({.nodes = "slurm"});
        FAIL() << "it was started";
    } catch (const std::invalid_argument& error) {
        EXPECT_THAT(error.what(), HasSubstr("Slurm's srun is not in PATH"));
        EXPECT_THAT(error.what(), HasSubstr("a pool without nodes"));
    }
}

pid_t parent_of(pid_t process) {
    for (const system::ProcessEntry& entry : system::process_table()) {
        if (entry.pid == process) return entry.parent;
    }
    return 0;
}

// Ends the process that became the host of this worker's node.
int ends_its_host_at_thirteen(int value) {
    ::usleep(2000);
    if (value != 13) return value;
    pid_t host = ::getppid();
    while (::getpgid(host) != host) host = parent_of(host);
    ::kill(host, SIGKILL);
    for (;;) ::pause();
}

class PoolLeaseTest : public PoolNodesTest {
  protected:
    PoolLeaseTest() { ::alarm(200); }  // a lease takes 20 s
};

TEST_F(PoolLeaseTest, AnItemThatEndsItsNodesFailsAtTheSecond) {
    Pool pool({.workers = 2, .nodes = "slurm"});
    const std::vector<int> numbers = up_to(300);
    std::set<std::size_t> failed;
    std::size_t done = 0;
    testing::internal::CaptureStderr();
    for (auto&& result : pool.imap(ends_its_host_at_thirteen, numbers)) {
        try {
            result.value();
            ++done;
        } catch (const WorkerLost& lost) {
            EXPECT_THAT(lost.what(), HasSubstr("2 nodes that were lost"));
            failed.insert(lost.task());
        }
    }
    testing::internal::GetCapturedStderr();
    EXPECT_TRUE(failed.contains(13));
    EXPECT_LE(failed.size(), 2u);  // and what the other worker of the second node ran
    EXPECT_EQ(done, numbers.size() - failed.size());
    EXPECT_EQ(pool.map(twice, up_to(3)), (std::vector<int>{0, 2, 4}));  // on the node that is left
}

TEST_F(PoolNodesTest, OutsideOfAJobNodesAreAnError) {
    ::unsetenv("SLURM_JOB_ID");
    EXPECT_THROW(Pool({.nodes = "slurm"}), std::invalid_argument);
    EXPECT_THROW(Pool({.nodes = "a1"}), std::invalid_argument);
    EXPECT_THROW(ThreadPool({.nodes = "slurm"}), std::invalid_argument);
}

TEST_F(PoolNodesTest, OneNodeNeedsNoOther) {
    set("SLURMD_NODENAME", "a1");
    set("SLURM_JOB_NODELIST", "a1");
    set("PATH", "/nowhere");
    Pool pool({.workers = 2, .nodes = "slurm"});
    EXPECT_EQ(pool.workers(), 2);
    EXPECT_EQ(pool.map(twice, up_to(3)), (std::vector<int>{0, 2, 4}));
}

}  // namespace
}  // namespace haid
