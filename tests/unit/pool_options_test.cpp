// What can be said of a pool: what is out of range, what threads have not, what each worker makes of it, how it
// crosses.
#include "pool/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <set>
#include <string>

#include "haid/pool.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using testing::AllOf;
using testing::HasSubstr;

template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "not refused";
}

class PoolOptionsTest : public PoolTest {
  protected:
    static int niceness(int) { return ::getpriority(PRIO_PROCESS, 0); }
};

TEST_F(PoolOptionsTest, WhatIsOutOfRangeIsNamedWithWhatItCanBe) {
    EXPECT_THAT(refusal([] { Pool({.nice = 20}); }), AllOf(HasSubstr("`nice` cannot be 20"), HasSubstr("-20 to 19")));
    EXPECT_THAT(refusal([] { Pool({.nice = -21}); }), HasSubstr("`nice` cannot be -21"));
    EXPECT_THAT(refusal([] { Pool({.workers = -1}); }), HasSubstr("`workers` cannot be -1"));
    EXPECT_THAT(refusal([] { Pool({.tasks_per_worker = UINT64_MAX}); }), HasSubstr("`tasks_per_worker` cannot be"));
    EXPECT_THAT(refusal([] { ThreadPool({.workers = -1}); }), HasSubstr("`workers` cannot be -1"));
}

TEST_F(PoolOptionsTest, WhatOnlyProcessesHaveThreadsRefuse) {
    EXPECT_THAT(refusal([] { ThreadPool({.nice = 1}); }), HasSubstr("a ThreadPool has no `nice`"));
    EXPECT_THAT(refusal([] { ThreadPool({.tasks_per_worker = 1}); }), HasSubstr("no `tasks_per_worker`"));
    EXPECT_THAT(refusal([] { ThreadPool({.nodes = "slurm"}); }), HasSubstr("a ThreadPool has no nodes"));
    EXPECT_EQ(ThreadPool({.workers = 2}).map([](int x) { return x; }, std::vector{7}), std::vector{7});
}

TEST_F(PoolOptionsTest, NiceIsAddedToThatOfThisProcessOnceInEachWorker) {
    const int here = niceness(0);
    Pool pool({.workers = 2, .tasks_per_worker = 3, .nice = 5});  // also in those that replace others
    for (int there : pool.map(niceness, up_to(30), {.chunk_size = 1})) EXPECT_EQ(there, std::min(here + 5, 19));
    EXPECT_EQ(niceness(0), here);
    EXPECT_EQ(Pool({.workers = 1}).apply(niceness, 0), here);
}

TEST_F(PoolOptionsTest, WithoutThePrivilegeEveryCallSaysWhatIsMissing) {
    if (::geteuid() != 0) GTEST_SKIP() << "gives its privileges away, which only root has";
    auto where_it_is_missing = [] {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_NICE, &none) != 0 || ::setuid(65534) != 0) ::_exit(3);
        try {
            Pool({.workers = 1, .nice = -3}).map(niceness, up_to(3));
        } catch (const std::exception& error) {
            const std::string what = error.what();
            const bool told = what.find("cannot add -3 to its niceness") != what.npos &&
                              what.find("Operation not permitted") != what.npos;
            ::_exit(told ? 0 : 2);
        }
        ::_exit(1);
    };
    EXPECT_EXIT(where_it_is_missing(), testing::ExitedWithCode(0), "");
}

void initializer() {}

TEST_F(PoolOptionsTest, AllOfThemCross) {
    const PoolOptions options{
        .workers = 3, .initializer = initializer, .tasks_per_worker = 1000, .nice = -4, .nodes = "slurm"};
    BufferEncoder bytes;
    encode(bytes, options);
    Decoder from(bytes.bytes());
    const auto there = decode<PoolOptions>(from);
    from.expect_end();
    pool::for_each_number([&](const char* name, auto member, const pool::NumberRule&) {
        EXPECT_NE(options.*member, PoolOptions{}.*member) << name << " is not tried here";
        EXPECT_EQ(there.*member, options.*member) << name;
    });
    EXPECT_EQ(there.nodes, options.nodes);
    ASSERT_NE(there.initializer.target<void (*)()>(), nullptr);
    EXPECT_EQ(*there.initializer.target<void (*)()>(), &initializer);
}

TEST_F(PoolOptionsTest, OfInitializersOnlyFunctionsOfTheProgramCross) {
    BufferEncoder bytes;
    EXPECT_THAT(refusal([&] { encode(bytes, PoolOptions{.initializer = [] {}}); }),
                HasSubstr("must be a plain function"));
    encode(bytes, PoolOptions{});
    Decoder from(bytes.bytes());
    EXPECT_FALSE(decode<PoolOptions>(from).initializer);
}

TEST_F(PoolOptionsTest, NumbersHaveNamesOfTheirOwn) {
    std::set<std::string> names;
    std::size_t count = 0;
    pool::for_each_number([&](const char* name, auto, const pool::NumberRule& rule) {
        names.insert(name);
        ++count;
        EXPECT_LT(rule.least, rule.most) << name;
    });
    EXPECT_EQ(names.size(), count);
}

}  // namespace
}  // namespace haid
