// For tests of pools: a watchdog, memory that all processes of a test share, and ways to die.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <new>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "haid/pool.hpp"

namespace haid {

// Numbers that every process forked in a test sees, zero at its beginning. A function for a pool captures nothing, so
// they are reached by a global variable.
struct Shared {
    std::atomic<int> counters[64];
    std::atomic<std::int64_t> times[64];
};
inline Shared* shared = nullptr;

class PoolTest : public testing::Test {
  protected:
    static constexpr unsigned patience = 30;  // seconds until a test that hangs is ended

    PoolTest() {
        ::alarm(patience);
        // Crashes are meant here: nobody wants their cores.
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        shared = new (memory) Shared{};
    }
    ~PoolTest() override {
        ::munmap(shared, sizeof(Shared));
        ::alarm(0);
    }

    static std::vector<int> up_to(int count) {
        std::vector<int> numbers(static_cast<std::size_t>(count));
        std::iota(numbers.begin(), numbers.end(), 0);
        return numbers;
    }
};

inline int twice(int value) {
    return 2 * value;
}

inline void expect_works(Pool& pool) {
    std::vector<int> results = pool.map(twice, std::views::iota(0, 200));
    for (int i = 0; i < 200; ++i) ASSERT_EQ(results.at(static_cast<std::size_t>(i)), 2 * i);
}

enum class Way { kill, segv, leave, abort, memory, terminate, exit };
constexpr Way all_ways[] = {Way::kill, Way::segv, Way::leave, Way::abort, Way::memory, Way::terminate, Way::exit};

inline std::string name_of(Way way) {
    const char* names[] = {"kill", "segv", "_exit", "abort", "memory", "terminate", "exit"};
    return names[static_cast<int>(way)];
}

// The exit status, or minus the signal's number.
inline int exit_code_of(Way way) {
    switch (way) {
        case Way::kill:
            return -SIGKILL;
        case Way::segv:
            return -SIGSEGV;
        case Way::leave:
            return 3;
        case Way::exit:
            return 4;
        default:
            return -SIGABRT;
    }
}

inline void limit_memory() {
    const rlimit little{std::uint64_t{64} << 20, RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &little);
}

[[noreturn]] inline void throw_something() {
    throw std::runtime_error("out of a function that promised not to throw");
}

inline std::vector<std::vector<char>> allocate_without_end() {
    std::vector<std::vector<char>> all;
    for (;;) all.emplace_back(std::size_t{1} << 20);
}

// Without a stack trace of a sanitizer, or a message of the standard library, among the test's output.
inline void die(Way way) {
    for (int signal : {SIGSEGV, SIGABRT}) ::signal(signal, SIG_DFL);
    if (way == Way::memory || way == Way::terminate) std::set_terminate([] { std::abort(); });
    switch (way) {
        case Way::kill:
            ::raise(SIGKILL);
            break;
        case Way::segv:
            ::raise(SIGSEGV);
            break;
        case Way::leave:
            ::_exit(3);
        case Way::abort:
            std::abort();
        case Way::memory:
            [&]() noexcept {
                limit_memory();
                allocate_without_end();
            }();
            break;
        case Way::terminate:
            []() noexcept { throw_something(); }();
            break;
        case Way::exit:
            std::exit(4);
    }
}

#if defined(__SANITIZE_ADDRESS__)
// Its shadow memory does not fit any limit.
constexpr bool memory_can_be_limited = false;
#else
constexpr bool memory_can_be_limited = true;
#endif
constexpr char no_memory_limit[] = "the address sanitizer needs addresses without a limit";

// What was thrown is an E; for whatever is to be known of it.
template <class E, class Body, class Look>
void expect_thrown(Body body, Look look) {
    try {
        body();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const E& error) {
        look(error);
    } catch (const std::exception& error) {
        ADD_FAILURE() << "something else was thrown: " << error.what();
    }
}

}  // namespace haid
