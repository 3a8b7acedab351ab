// haid's own part of the benchmark of the library.
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>

#include "haid/lock.hpp"
#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "library/contestants.hpp"
#include "library/work.hpp"

namespace bench {
namespace {

void map_pool(const Setting& setting) {
    haid::Pool pool(setting.workers);
    const auto items = numbers(map_items);
    tell("seconds", seconds(3, [&] { keep(pool.map(square, items)); }));
}

void map_forked(const Setting& setting) {
    const auto items = numbers(map_items);
    tell("seconds", seconds(3, [&] { keep(haid::map(square, items, {.workers = setting.workers})); }));
}

void imap_pool(const Setting& setting) {
    haid::Pool pool(setting.workers);
    pool.apply(square, 3);
    long sum = 0;
    const double all = seconds_once([&] {
        for (auto& result : pool.imap_unordered(
                 square, std::views::iota(0, lone_tasks) | std::views::transform([](int i) { return i % 40'000; })))
            sum += *result;
    });
    keep(sum);
    tell("seconds", all / lone_tasks);
}

void apply_pool(const Setting& setting) {
    haid::Pool pool(setting.workers);
    tell("seconds", seconds(3, [&] {
                        for (int i = 0; i < round_trips; ++i) keep(pool.apply(square, 3));
                    }) / round_trips);
}

void start_pool(const Setting& setting) {
    const auto items = numbers(static_cast<std::size_t>(setting.workers));
    tell("seconds", seconds(starts, [&] {
             haid::Pool pool(setting.workers);
             keep(pool.map(square, items));
         }));
}

void results_pool(const Setting& setting) {
    haid::Pool pool(setting.workers);
    pool.apply(block, 1);
    double sum = 0;
    tell("seconds", seconds_once([&] {
             for (auto& result : pool.imap_unordered(block, std::views::iota(0, blocks))) sum += result->back();
         }));
    if (sum != blocks * (blocks - 1) / 2) throw std::runtime_error("the results are wrong");
}

// Memory of this process that no other one shares.
long private_kib() {
    std::ifstream file("/proc/self/smaps_rollup");
    long sum = 0;
    for (std::string word; file >> word;) {
        if (word != "Private_Clean:" && word != "Private_Dirty:") continue;
        long kib = 0;
        file >> kib;
        sum += kib;
    }
    return sum;
}

// The highest that this process has had in memory.
long peak_kib() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

struct Footprint {
    pid_t worker;
    long kib;
    double sum;
};

void memory_forked(const Setting& setting) {
    std::vector<Block> inputs;
    for (int i = 0; i < blocks; ++i) inputs.push_back(block(i));
    // To look takes as long as to read several blocks.
    constexpr std::ptrdiff_t look_every = 16;
    auto read = [&](const Block& input) {
        const bool look = (&input - inputs.data()) % look_every == 0;
        return Footprint{getpid(), look ? private_kib() : 0, std::accumulate(input.begin(), input.end(), 0.0)};
    };
    const long before = peak_kib();
    const auto footprints = haid::map(read, inputs, {.workers = setting.workers});
    tell("parent_bytes", static_cast<double>(peak_kib() - before) * 1024);
    std::map<pid_t, long> workers;
    double sum = 0;
    for (const Footprint& one : footprints) {
        workers[one.worker] = std::max(workers[one.worker], one.kib);
        sum += one.sum;
    }
    if (sum != static_cast<double>(block_length) * blocks * (blocks - 1) / 2)
        throw std::runtime_error("the results are wrong");
    long kib = 0;
    for (const auto& [worker, most] : workers) kib += most;
    tell("workers", static_cast<double>(workers.size()));
    tell("workers_bytes", static_cast<double>(kib) * 1024);
}

void uneven_pool(const Setting& setting) {
    haid::Pool pool(setting.workers);
    const auto tasks = uneven_tasks(setting.turns);
    pool.apply(spin, std::uint64_t{1});
    tell("seconds", seconds_once([&] { keep(pool.map(spin, tasks)); }));
}

void uneven_forked(const Setting& setting) {
    const auto tasks = uneven_tasks(setting.turns);
    tell("seconds", seconds_once([&] { keep(haid::map(spin, tasks, {.workers = setting.workers})); }));
}

void lock(const Setting&) {
    haid::Lock mutex;
    tell("seconds", seconds(3, [&] {
                        for (int i = 0; i < locks; ++i) {
                            mutex.lock();
                            mutex.unlock();
                        }
                    }) / locks);
}

}  // namespace

std::span<const Contestant> ours() {
    static constexpr std::array<Contestant, 10> all{{
        {"map.pool", map_pool},
        {"map.forked", map_forked},
        {"imap.pool", imap_pool},
        {"apply.pool", apply_pool},
        {"start.pool", start_pool},
        {"results.pool", results_pool},
        {"memory.forked", memory_forked},
        {"uneven.pool", uneven_pool},
        {"uneven.forked", uneven_forked},
        {"lock.haid", lock},
    }};
    return all;
}

}  // namespace bench
