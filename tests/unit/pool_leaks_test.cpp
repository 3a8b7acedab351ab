// Pools one after another leave nothing behind.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "pool_fixture.hpp"
#include "processes.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

// With a sanitizer a fork takes ten times as long, and its own memory and mappings grow: ours are those of memory
// files.
#if defined(__SANITIZE_ADDRESS__)
constexpr int pools = 300;
constexpr char ours[] = "memfd";
constexpr std::size_t most_growth = std::size_t{64} << 20;
#else
constexpr int pools = 10'000;
constexpr char ours[] = "";  // all
// A hundred bytes a pool would be more.
constexpr std::size_t most_growth = std::size_t{1} << 20;
#endif

class PoolLeaks : public PoolTest {
  protected:
    PoolLeaks() { ::alarm(240); }
};

struct Possessions {
    std::size_t descriptors, threads, mappings, resident;

    static Possessions now() {
        std::ifstream maps("/proc/self/maps");
        std::string line;
        std::size_t mappings = 0;
        while (std::getline(maps, line)) mappings += line.find(ours) != std::string::npos;
        std::size_t pages = 0, resident = 0;
        std::ifstream("/proc/self/statm") >> pages >> resident;
        return {open_descriptors(), threads_now(), mappings, resident * static_cast<std::size_t>(::getpagesize())};
    }

  private:
    // One that was joined is to be seen for a moment longer.
    static std::size_t threads_now() {
        namespace fs = std::filesystem;
        for (int tries = 0;; ++tries, std::this_thread::sleep_for(1ms)) {
            const auto count = std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
            if (count == 1 || tries == 1000) return static_cast<std::size_t>(count);
        }
    }
};

void use_a_pool(int round) {
    Pool pool(2);
    ASSERT_EQ(pool.map(twice, std::vector{0, 1, 2}), (std::vector{0, 2, 4}));
    if (round % 3 == 0) pool.apply_async(twice, std::tuple{1}).get();
    if (round % 4 == 0) {
        pool.close();
        pool.join();
    }
    if (round % 10 == 0) {
        ASSERT_EQ(haid::map(twice, std::vector{0, 1, 2}), (std::vector{0, 2, 4}));
    }
    if (round % 50 == 0) {
        ASSERT_THROW(pool.apply([] { ::raise(SIGKILL); }), Error);
    }
}

TEST_F(PoolLeaks, ManyPoolsLeaveNothingBehind) {
    // What the C library keeps for the next thread is there afterwards.
    for (int round = 0; round < 60; ++round) use_a_pool(round);
    const Possessions before = Possessions::now();
    for (int round = 0; round < pools; ++round) {
        use_a_pool(round);
        ASSERT_FALSE(HasFailure()) << "in round " << round;
    }
    const Possessions after = Possessions::now();
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.threads, before.threads);
    EXPECT_EQ(after.mappings, before.mappings);
    EXPECT_LT(after.resident, before.resident + most_growth);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace haid
