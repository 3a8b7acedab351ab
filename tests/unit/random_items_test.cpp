// Each item knows its index, whoever runs it.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <list>
#include <map>
#include <random>
#include <thread>

#include "haid/map.hpp"
#include "haid/process.hpp"
#include "haid/random.hpp"
#include "haid/value.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class RandomItems : public PoolTest {};

// -1: none
std::int64_t index_here() {
    const auto index = item_index();
    return index ? static_cast<std::int64_t>(*index) : -1;
}

struct Seen {
    int item;
    std::int64_t index;
    std::uint32_t number;
    std::uint64_t other;
};
Seen seen(int item) {
    SeedSequence seeds(2026);
    std::mt19937_64 other(seeds);
    return {item, index_here(), stream(2026)(), other()};
}
std::string seen_as_text(int item) {
    const Seen one = seen(item);
    return std::to_string(one.index) + " " + std::to_string(one.number);
}
Seen seen_of(int a, int b) {
    return seen(a + b);
}

void expect_own_stream(const Seen& one, std::uint64_t index) {
    ASSERT_EQ(one.index, static_cast<std::int64_t>(index));
    ASSERT_EQ(one.number, Philox(2026, index)());
    SeedSequence seeds(2026, index);
    ASSERT_EQ(one.other, std::mt19937_64(seeds)());
}

template <class AnyPool>
void expect_streams(AnyPool& pool, const CallOptions& options) {
    const std::vector<int> numbers = [] {
        std::vector<int> all(700);
        std::iota(all.begin(), all.end(), 100);
        return all;
    }();
    for (int round = 0; round < 2; ++round) {
        const std::vector<Seen> all = pool.map(seen, numbers, options);
        for (std::size_t i = 0; i < all.size(); ++i) expect_own_stream(all[i], i);
    }
    const std::list<int> apart(numbers.begin(), numbers.end());
    const std::vector<std::string> texts = pool.map(seen_as_text, apart, options);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        ASSERT_EQ(texts[i], std::to_string(i) + " " + std::to_string(Philox(2026, i)()));
    }
    std::size_t at = 0;
    for (auto& result : pool.imap(seen, numbers, options)) expect_own_stream(*result, at++);
    EXPECT_EQ(at, numbers.size());
    for (auto& result : pool.imap_unordered(seen, numbers, options)) {
        expect_own_stream(*result, static_cast<std::size_t>(result->item - 100));
        ASSERT_EQ(result.index(), static_cast<std::size_t>(result->item - 100));
    }
    const std::vector<std::tuple<int, int>> pairs{{1, 2}, {3, 4}, {5, 6}};
    const auto of_pairs = pool.starmap_async(seen_of, pairs, options).get();
    for (std::size_t i = 0; i < pairs.size(); ++i) expect_own_stream(of_pairs[i], i);
}

TEST_F(RandomItems, OfEveryCallWhateverTheWorkersAndChunks) {
    for (int workers : {1, 2, 3}) {
        Pool pool(workers);
        for (std::size_t chunk : {0, 1, 7, 1000}) {
            expect_streams(pool, {.chunk_size = chunk});
            if (HasFatalFailure()) return;
        }
    }
    ThreadPool threads(3);
    for (std::size_t chunk : {0, 7}) expect_streams(threads, {.chunk_size = chunk});
}

TEST_F(RandomItems, OfMapsThatFork) {
    int offset = 3;
    for (int workers : {1, 2, 3}) {
        MapOptions options;
        options.workers = workers;
        for (std::size_t chunk : {0, 7}) {
            options.chunk_size = chunk;
            const auto all = haid::map([&](int item) { return seen(item + offset); }, up_to(300), options);
            for (std::size_t i = 0; i < all.size(); ++i) expect_own_stream(all[i], i);
        }
    }
}

template <class AnyPool>
void expect_counts_applies(AnyPool& pool) {
    expect_own_stream(pool.apply(seen, 0), 0);
    expect_own_stream(pool.apply({.retries = 1}, seen, 0), 1);
    expect_own_stream(pool.map(seen, std::vector{5}).front(), 0);
    std::vector<AsyncResult<Seen>> results;
    for (int i = 0; i < 50; ++i) results.push_back(pool.apply_async(seen, std::tuple{i}));
    for (std::size_t i = 0; i < results.size(); ++i) expect_own_stream(results[i].get(), i + 2);
}

TEST_F(RandomItems, CallsOfApplyAreItemsOfTheirPool) {
    Pool pool(2);
    expect_counts_applies(pool);
    Pool moved(std::move(pool));
    expect_own_stream(moved.apply(seen, 0), 52);
    ThreadPool threads(2);
    expect_counts_applies(threads);
}

Seen second_try(int item) {
    if (item % 10 == 3 && shared->counters[item].fetch_add(1) == 0) {
        if (item < 20) throw std::runtime_error("not yet");
        ::raise(SIGKILL);
    }
    return seen(item);
}

TEST_F(RandomItems, RetriesAndOtherWorkersChangeNothing) {
    Pool pool({.workers = 2, .tasks_per_worker = 5});
    for (std::size_t chunk : {0, 1, 9}) {
        for (auto& counter : shared->counters) counter = 0;
        const auto all = pool.map(second_try, up_to(60), {.chunk_size = chunk, .retries = 2, .backoff = 1ms});
        for (std::size_t i = 0; i < all.size(); ++i) expect_own_stream(all[i], i);
    }
    ThreadPool threads(2);
    for (auto& counter : shared->counters) counter = 0;
    const auto all = threads.map(second_try, up_to(20), {.retries = 2, .backoff = 1ms});
    for (std::size_t i = 0; i < all.size(); ++i) expect_own_stream(all[i], i);
}

std::int64_t in_a_thread(int) {
    std::int64_t index = 0;
    std::thread([&] { index = index_here(); }).join();
    return index;
}
std::int64_t in_a_child(int) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(index_here() == -1 ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status == 0 ? -1 : 0;
}
std::int64_t in_an_initializer(int) {
    return shared->times[0];
}

TEST_F(RandomItems, WhereNoItemRunsThereIsNone) {
    Pool pool({.workers = 2, .initializer = [] { shared->times[0] = index_here(); }});
    ThreadPool threads(2);
    for (auto f : {in_a_thread, in_a_child, in_an_initializer}) {
        EXPECT_EQ(pool.map(f, up_to(3)), (std::vector<std::int64_t>{-1, -1, -1}));
        EXPECT_EQ(threads.map(f, up_to(3)), (std::vector<std::int64_t>{-1, -1, -1}));
    }
    Value<std::int64_t> of_process(0);
    Process process([&] { of_process = index_here(); });
    process.start();
    process.join();
    EXPECT_EQ(of_process.load(), -1);
    EXPECT_EQ(index_here(), -1);
}

// What a call within an item says of its items, and what the item says of itself then.
std::vector<std::int64_t> with_calls_within(int) {
    std::vector<std::int64_t> all{index_here()};
    auto add = [&](const std::vector<std::int64_t>& more) { all.insert(all.end(), more.begin(), more.end()); };
    auto index = [](int) { return index_here(); };
    const std::vector<int> two{0, 0};
    Pool pool({.workers = 1, .initializer = [] { shared->times[1] = index_here(); }});
    add(pool.map(index, two));
    all.push_back(shared->times[1]);
    ThreadPool threads(1);
    add(threads.map(index, two));
    add(haid::map(index, two));
    all.push_back(index_here());
    return all;
}

TEST_F(RandomItems, ItemsWithinItems) {
    Pool pool(2);
    const std::vector<std::vector<std::int64_t>> all = pool.map(with_calls_within, up_to(4));
    for (std::int64_t i = 0; i < 4; ++i) {
        EXPECT_EQ(all.at(static_cast<std::size_t>(i)), (std::vector<std::int64_t>{i, 0, 1, -1, 0, 1, 0, 1, i}));
    }
    // A thread of a pool that waits for a call on it works on that one meanwhile.
    ThreadPool threads(1);
    const auto pairs = threads.map(
        [&](int) {
            const auto before = index_here();
            const auto within = threads.map([](int) { return index_here(); }, up_to(3));
            return std::tuple(before, within, index_here());
        },
        up_to(2));
    for (std::int64_t i = 0; i < 2; ++i) {
        EXPECT_EQ(pairs.at(static_cast<std::size_t>(i)), (std::tuple(i, std::vector<std::int64_t>{0, 1, 2}, i)));
    }
}

}  // namespace
}  // namespace haid
