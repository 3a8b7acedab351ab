// What haid's library is measured against: the usual ways to use threads, a naive pool, and what the system itself
// takes.
#include <linux/futex.h>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <cstring>
#include <future>

#include "library/contestants.hpp"
#include "library/naive_pool.hpp"
#include "library/work.hpp"

namespace bench {
namespace {

tbb::global_control limit_tbb(const Setting& setting) {
    return {tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(setting.workers)};
}

// As many pieces as workers, one each: what std::async offers.
template <class F>
void async_pieces(const Setting& setting, std::size_t count, F f) {
    const auto pieces = static_cast<std::size_t>(setting.workers);
    std::vector<std::future<void>> futures;
    for (std::size_t i = 0; i < pieces; ++i)
        futures.push_back(std::async(std::launch::async, [=] { f(count * i / pieces, count * (i + 1) / pieces); }));
    for (auto& one : futures) one.get();
}

void map_tbb(const Setting& setting) {
    const auto limit = limit_tbb(setting);
    const auto items = numbers(map_items);
    tell("seconds", seconds(3, [&] {
             std::vector<int> out(items.size());
             tbb::parallel_for(tbb::blocked_range<std::size_t>(0, items.size()), [&](const auto& range) {
                 for (std::size_t i = range.begin(); i < range.end(); ++i) out[i] = square(items[i]);
             });
             keep(out);
         }));
}

void map_openmp(const Setting& setting) {
    const auto items = numbers(map_items);
    tell("seconds", seconds(3, [&] {
             std::vector<int> out(items.size());
#pragma omp parallel for num_threads(setting.workers)
             for (std::size_t i = 0; i < items.size(); ++i) out[i] = square(items[i]);
             keep(out);
         }));
}

void map_async(const Setting& setting) {
    const auto items = numbers(map_items);
    tell("seconds", seconds(3, [&] {
             std::vector<int> out(items.size());
             async_pieces(setting, items.size(), [&](std::size_t from, std::size_t to) {
                 for (std::size_t i = from; i < to; ++i) out[i] = square(items[i]);
             });
             keep(out);
         }));
}

// An item's.
void map_naive(const Setting& setting) {
    NaivePool pool(setting.workers, square);
    const auto items = numbers(naive_items);
    tell("seconds", seconds(1, [&] { keep(pool.map(items)); }) / naive_items);
}

// In memory that this process and its children share.
template <class T>
class Shared {
  public:
    Shared() {
        void* memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
        value_ = new (memory) T();
    }
    ~Shared() { munmap(value_, sizeof(T)); }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    T& operator*() const { return *value_; }

  private:
    T* value_;
};

using Word = std::atomic<std::uint32_t>;

void hand_over(Word& word, std::uint32_t value) {
    word.store(value, std::memory_order_release);
    syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

void await(Word& word, std::uint32_t value) {
    for (std::uint32_t now; (now = word.load(std::memory_order_acquire)) != value;)
        syscall(SYS_futex, &word, FUTEX_WAIT, now, nullptr, nullptr, 0);
}

void apply_futex(const Setting&) {
    constexpr int runs = 3;
    const Shared<std::array<Word, 2>> words;
    Word& there = (*words)[0];
    Word& back = (*words)[1];
    const pid_t pid = check(fork(), "fork");
    constexpr std::uint32_t all = (runs + 1) * round_trips;
    if (pid == 0) {
        for (std::uint32_t i = 1; i <= all; ++i) {
            await(there, i);
            hand_over(back, i);
        }
        _exit(0);
    }
    std::uint32_t at = 0;
    tell("seconds", seconds(runs, [&] {
                        for (int i = 0; i < round_trips; ++i) {
                            hand_over(there, ++at);
                            await(back, at);
                        }
                    }) / round_trips);
    check(waitpid(pid, nullptr, 0), "waitpid");
}

// Runs f in so many children at once, and waits for all.
template <class F>
void in_children(int count, F f) {
    std::vector<pid_t> children;
    for (int i = 0; i < count; ++i) {
        const pid_t pid = check(fork(), "fork");
        if (pid == 0) {
            f();
            _exit(0);
        }
        children.push_back(pid);
    }
    for (pid_t child : children) check(waitpid(child, nullptr, 0), "waitpid");
}

void start_forks(const Setting& setting) {
    tell("seconds", seconds(starts, [&] { in_children(setting.workers, [] {}); }));
}

// Source and target stay in the cache: the most that copying can do.
void results_copied(const Setting&) {
    const Block source = block(1);
    tell("seconds", seconds(1, [&] {
             for (int i = 0; i < blocks; ++i) keep(Block(source));
         }));
}

// The same amount once more, without a page that is touched for the first time, from and to beyond the caches.
void results_warm(const Setting&) {
    constexpr std::size_t length = 64 * block_length;
    const Block source(length, 1);
    Block target(length);
    tell("seconds", seconds(1, [&] {
             for (int i = 0; i < blocks / 64; ++i) {
                 std::memcpy(target.data(), source.data(), length * sizeof(double));
                 keep(target);
             }
         }));
}

void turns(const Setting&) {
    constexpr std::uint64_t count = 50'000'000;
    tell("turns", static_cast<double>(count) / seconds(3, [] { keep(spin(count)); }));
}

void uneven_serial(const Setting& setting) {
    const auto tasks = uneven_tasks(setting.turns);
    tell("seconds", seconds_once([&] {
             for (std::uint64_t task : tasks) keep(spin(task));
         }));
}

void uneven_shared_out(const Setting& setting) {
    std::uint64_t all = 0;
    for (std::uint64_t task : uneven_tasks(setting.turns)) all += task;
    const std::uint64_t share = all / static_cast<std::uint64_t>(setting.workers);
    tell("seconds", seconds_once([&] { in_children(setting.workers, [share] { keep(spin(share)); }); }));
}

void uneven_tbb(const Setting& setting) {
    const auto limit = limit_tbb(setting);
    const auto tasks = uneven_tasks(setting.turns);
    tbb::parallel_for(0, setting.workers, [](int) {});
    tell("seconds", seconds_once([&] {
             std::vector<std::uint64_t> out(tasks.size());
             tbb::parallel_for(std::size_t{0}, tasks.size(), [&](std::size_t i) { out[i] = spin(tasks[i]); });
             keep(out);
         }));
}

void uneven_openmp(const Setting& setting) {
    const auto tasks = uneven_tasks(setting.turns);
    tell("seconds", seconds_once([&] {
             std::vector<std::uint64_t> out(tasks.size());
#pragma omp parallel for schedule(dynamic) num_threads(setting.workers)
             for (std::size_t i = 0; i < tasks.size(); ++i) out[i] = spin(tasks[i]);
             keep(out);
         }));
}

void uneven_async(const Setting& setting) {
    const auto tasks = uneven_tasks(setting.turns);
    tell("seconds", seconds_once([&] {
             std::vector<std::uint64_t> out(tasks.size());
             async_pieces(setting, tasks.size(), [&](std::size_t from, std::size_t to) {
                 for (std::size_t i = from; i < to; ++i) out[i] = spin(tasks[i]);
             });
             keep(out);
         }));
}

void lock_shared(const Setting&) {
    const Shared<pthread_mutex_t> mutex;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&*mutex, &attributes);
    tell("seconds", seconds(3, [&] {
                        for (int i = 0; i < locks; ++i) {
                            pthread_mutex_lock(&*mutex);
                            pthread_mutex_unlock(&*mutex);
                        }
                    }) / locks);
}

}  // namespace

std::span<const Contestant> peers() {
    static constexpr std::array<Contestant, 15> all{{
        {"turns", turns},
        {"map.tbb", map_tbb},
        {"map.openmp", map_openmp},
        {"map.async", map_async},
        {"map.naive", map_naive},
        {"apply.futex", apply_futex},
        {"start.forks", start_forks},
        {"results.copied", results_copied},
        {"results.warm", results_warm},
        {"uneven.serial", uneven_serial},
        {"uneven.shared_out", uneven_shared_out},
        {"uneven.tbb", uneven_tbb},
        {"uneven.openmp", uneven_openmp},
        {"uneven.async", uneven_async},
        {"lock.shared", lock_shared},
    }};
    return all;
}

}  // namespace bench
