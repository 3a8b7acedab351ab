// The work that haid and its peers are given, and how it is timed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

// The median of `times` runs, in seconds, after one that is not counted: caches are warm then and threads started.
template <class F>
double seconds(int times, F&& f) {
    f();
    std::vector<double> found;
    for (int i = 0; i < times; ++i) {
        const auto began = std::chrono::steady_clock::now();
        f();
        found.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    }
    std::nth_element(found.begin(), found.begin() + times / 2, found.end());
    return found[static_cast<std::size_t>(times / 2)];
}

// For a run that is long enough by itself.
template <class F>
double seconds_once(F&& f) {
    const auto began = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

// Results nobody looks at must be computed all the same.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "r"(&value) : "memory");
}

inline constexpr std::size_t map_items = 10'000'000;
inline constexpr std::size_t naive_items = 20'000;  // ten million would take it minutes
inline constexpr int lone_tasks = 1'000'000;
inline constexpr int round_trips = 10'000;
inline constexpr int starts = 50;
inline constexpr int locks = 10'000'000;
inline constexpr int blocks = 1024;  // of 1 MiB
inline constexpr std::size_t block_length = (std::size_t{1} << 20) / sizeof(double);

inline int square(int x) {
    return x * x;
}

inline std::vector<int> numbers(std::size_t count) {
    std::vector<int> result(count);
    for (std::size_t i = 0; i < count; ++i) result[i] = static_cast<int>(i % 40'000);  // squares that fit
    return result;
}

using Block = std::vector<double>;

inline Block block(int number) {
    return Block(block_length, number);
}

// Keeps a CPU busy, and touches no memory. Not inlined: all contestants run the same instructions.
[[gnu::noinline]] inline std::uint64_t spin(std::uint64_t turns) {
    std::uint64_t x = turns | 1;
    for (; turns > 0; --turns) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    asm volatile("" : "+r"(x));  // or a compiler leaves out a call whose result nobody uses
    return x;
}

// So many turns in all, in tasks that are the longer the later they come.
inline std::vector<std::uint64_t> uneven_tasks(std::uint64_t turns) {
    constexpr std::uint64_t count = 1000;
    std::vector<std::uint64_t> tasks;
    for (std::uint64_t i = 1; i <= count; ++i) tasks.push_back(turns / (count * (count + 1) / 2) * i);
    return tasks;
}

}  // namespace bench
