#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <new>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "haid/barrier.hpp"
#include "haid/condition.hpp"
#include "haid/error.hpp"
#include "haid/event.hpp"
#include "haid/lock.hpp"
#include "haid/pipe.hpp"
#include "haid/queue.hpp"
#include "haid/semaphore.hpp"
#include "haid/shared_array.hpp"
#include "haid/value.hpp"
#include "sync_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class SharedMemoryTest : public SyncTest {};

TEST_F(SharedMemoryTest, AValueIsTheSameInAllProcesses) {
    struct Point {
        double x, y;
    };
    Value<Point> point({1, 2});
    Value<int> number;
    EXPECT_EQ(number, 0);
    EXPECT_EQ(end(start([&] {
                  point.store({3, point.load().y});
                  number = 5;
                  return 0;
              })),
              0);
    EXPECT_EQ(point.load().x, 3);
    EXPECT_EQ(point.load().y, 2);
    EXPECT_EQ(number.load(), 5);
}

TEST_F(SharedMemoryTest, UpdatesAreNotLost) {
    Value<long> counter(0);
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(start([&] {
            for (int n = 0; n < 50'000; ++n) counter.update([](long& count) { ++count; });
            return 0;
        }));
    }
    for (pid_t child : children) EXPECT_EQ(end(child), 0);
    EXPECT_EQ(counter, 200'000);
    EXPECT_EQ(counter.update([](long& count) { count /= 2; }), 100'000);
    const auto failing = [](long& count) {
        count = 0;
        throw Error("no");
    };
    EXPECT_THROW(counter.update(failing), Error);
    EXPECT_EQ(counter, 100'000);
}

TEST_F(SharedMemoryTest, AValueCanBeUsedUnderItsOwnLock) {
    Value<int> value(1);
    std::scoped_lock guard(value.get_lock());
    value.store(value.load() + 1);
    EXPECT_EQ(end(start([&] { return value.get_lock().try_lock() ? 1 : 0; })), 0);
    EXPECT_EQ(value, 2);
}

TEST_F(SharedMemoryTest, AValueTellsThatAHolderDied) {
    Value<int> value(1);
    EXPECT_EQ(end(start([&] {
                  value.get_lock().lock();
                  return 0;
              })),
              0);
    EXPECT_THROW(value.load(), OwnerDied);
    EXPECT_EQ(value.load(), 1);
}

TEST_F(SharedMemoryTest, AnArrayIsTheSameInAllProcesses) {
    SharedArray<double> array(1'000'000);
    EXPECT_EQ(array.size(), 1'000'000U);
    EXPECT_EQ(std::accumulate(array.begin(), array.end(), 0.0), 0);
    EXPECT_EQ(end(start([&] {
                  const std::span<double> all(array);
                  for (double& element : all.subspan(10, 5)) element = 2;
                  return 0;
              })),
              0);
    EXPECT_EQ(array[10], 2);
    EXPECT_EQ(std::accumulate(array.begin(), array.end(), 0.0), 10);
    const auto& same = array;
    EXPECT_EQ(std::span<const double>(same).data(), array.data());
}

TEST_F(SharedMemoryTest, AnArrayCanBeMadeFromValues) {
    const std::vector<int> values{1, 2, 3};
    const SharedArray<int> array{std::span(values)};
    EXPECT_TRUE(std::equal(array.begin(), array.end(), values.begin(), values.end()));
    EXPECT_TRUE(SharedArray<int>(0).empty());
    EXPECT_EQ(end(start([&] {
                  std::scoped_lock guard(array.get_lock());
                  return 0;
              })),
              0);
}

TEST_F(SharedMemoryTest, TooMuchMemoryIsAnError) {
    EXPECT_THROW(SharedArray<double>(static_cast<std::size_t>(-1) / 4), std::bad_array_new_length);
    EXPECT_THROW(SharedArray<char>(std::size_t{1} << 60), std::system_error);
    EXPECT_THROW(Queue<int>(0, std::size_t{1} << 60), std::system_error);
    EXPECT_THROW(Queue<int>(0, static_cast<std::size_t>(-1)), std::invalid_argument);
}

static_assert(!Shareable<int*> && !Shareable<std::string> && !Shareable<const int>);

TEST_F(SharedMemoryTest, NothingIsLeftBehind) {
    const auto descriptors = [] {
        const std::filesystem::directory_iterator all("/proc/self/fd");
        return std::distance(all, {});
    };
    const auto mappings = [] {
        std::ifstream maps("/proc/self/maps");
        int count = 0;
        for (std::string line; std::getline(maps, line);) {
            if (line.find("/dev/zero (deleted)") != std::string::npos) ++count;
        }
        return count;
    };
    const auto make_all = [] {
        Lock lock;
        RLock rlock;
        Semaphore semaphore;
        BoundedSemaphore bounded;
        Event event;
        Condition condition;
        Barrier barrier(2);
        Queue<int> queue;
        Value<int> value;
        SharedArray<int> array(10);
        auto [mine, theirs] = Pipe();
        queue.put(1);
        mine.send(1);
        std::scoped_lock guard(lock, rlock);
        return theirs.recv<int>();
    };
    const auto descriptors_before = descriptors();
    const auto mappings_before = mappings();
    {
        const Lock seen;
        EXPECT_EQ(mappings(), mappings_before + 1) << "or this test sees nothing";
    }
    for (int i = 0; i < 1000; ++i) make_all();
    EXPECT_EQ(descriptors(), descriptors_before);
    EXPECT_EQ(mappings(), mappings_before);
}

}  // namespace
}  // namespace haid
