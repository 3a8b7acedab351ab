// Exceptions on their way out of a worker.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "channel/segment.hpp"
#include "haid/pool.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class PoolErrors : public PoolTest {};

TEST_F(PoolErrors, MemoryThatCanBeHadNoMoreIsAnException) {
    if (!memory_can_be_limited) GTEST_SKIP() << no_memory_limit;
    Pool pool(1);
    auto greedy = [](int) {
        limit_memory();
        return allocate_without_end().size();
    };
    EXPECT_THROW(pool.map(greedy, up_to(3)), std::bad_alloc);
    expect_works(pool);
}

template <class E>
int throws_with_message(int) {
    throw E("told");
}
template <class E>
int throws_plain(int) {
    throw E();
}

template <class E>
void expect_same_type(Pool& pool, int (*function)(int), const std::string& message) {
    expect_thrown<E>([&] { pool.apply(function, 1); },
                     [&](const E& error) {
                         EXPECT_EQ(typeid(error), typeid(E));
                         EXPECT_EQ(error.what(), message);
                     });
}

template <class... E>
struct Types {};

TEST_F(PoolErrors, StandardExceptionsArriveAsThemselves) {
    Pool pool(1);
    [&]<class... E>(Types<E...>) {
        (expect_same_type<E>(pool, throws_with_message<E>, "told"), ...);
    }(Types<std::runtime_error, std::logic_error, std::invalid_argument, std::domain_error, std::length_error,
            std::out_of_range, std::range_error, std::overflow_error, std::underflow_error, Error, TimeoutError,
            OwnerDied, BrokenBarrier, DecodeError, EndOfFile, PoolClosed>{});
    [&]<class... E>(Types<E...>) {
        (expect_same_type<E>(pool, throws_plain<E>, E().what()), ...);
    }(Types<std::bad_alloc, std::bad_cast, std::bad_typeid, std::bad_function_call, std::bad_optional_access,
            std::bad_variant_access, std::bad_weak_ptr, std::bad_exception, std::bad_array_new_length>{});
}

TEST_F(PoolErrors, ASystemErrorKeepsItsCode) {
    Pool pool(1);
    auto opens = [](int) -> int { throw std::system_error(ENOENT, std::generic_category(), "cannot open it"); };
    expect_thrown<std::system_error>([&] { pool.apply(opens, 1); },
                                     [](const std::system_error& error) {
                                         EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
                                         EXPECT_STREQ(error.what(), "cannot open it: No such file or directory");
                                     });
}

struct Mine : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct Uncopyable : std::exception {
    Uncopyable() = default;
    Uncopyable(const Uncopyable&) : std::exception() { throw std::logic_error("a copy"); }
    const char* what() const noexcept override { return "not to be copied"; }
};
struct Wordless : std::exception {
    const char* what() const noexcept override { return nullptr; }
};

int throws_one_of(int which) {
    switch (which) {
        case 1:
            throw Mine("of its own type");
        case 2:
            throw 42;
        case 3:
            throw std::string("a text");
        case 4:
            throw "a literal";
        case 5:
            throw Uncopyable();
        case 6:
            throw Wordless();
        case 7:
            throw Mine(std::string(5'000'000, 'm'));
        default:
            break;
    }
    return which;
}

TEST_F(PoolErrors, OtherTypesArriveAsTaskErrors) {
    const std::vector<std::pair<std::string, std::string>> expected = {
        {},
        {"haid::(anonymous namespace)::Mine", "of its own type"},
        {"int", "int"},
        {"std::string", "a text"},
        {"const char*", "a literal"},
        {"haid::(anonymous namespace)::Uncopyable", "not to be copied"},
        {"haid::(anonymous namespace)::Wordless", ""},
        {"haid::(anonymous namespace)::Mine", "mmm"},
    };
    Pool pool(2);
    for (std::size_t chunk : {std::size_t{1}, std::size_t{100}}) {
        auto results = pool.map_results(throws_one_of, up_to(20), {.chunk_size = chunk});
        ASSERT_EQ(results.size(), 20U);
        for (auto& result : results) {
            SCOPED_TRACE(result.index());
            if (result.index() == 0 || result.index() >= expected.size()) {
                EXPECT_EQ(*result, static_cast<int>(result.index()));
                continue;
            }
            const auto& [type, text] = expected[result.index()];
            expect_thrown<TaskError>([&] { result.value(); },
                                     [&](const TaskError& error) {
                                         EXPECT_EQ(error.type(), type);
                                         EXPECT_EQ(error.task(), result.index());
                                         EXPECT_GE(error.worker(), 0);
                                         EXPECT_LT(error.worker(), 2);
                                         EXPECT_NE(std::string(error.what()).find(text), std::string::npos);
                                     });
        }
    }
    expect_works(pool);
}

TEST_F(PoolErrors, AnExceptionIsOverWithARetry) {
    auto fails_twice = [](int value) {
        if (value == 5 && shared->counters[0]++ < 2) throw std::runtime_error("not yet");
        return 2 * value;
    };
    Pool pool(2);
    EXPECT_THROW(pool.map(fails_twice, up_to(20), {.retries = 1, .backoff = 1ms}), std::runtime_error);
    shared->counters[0] = 0;
    EXPECT_EQ(pool.map(fails_twice, up_to(20), {.retries = 2, .backoff = 1ms}).at(5), 10);
    EXPECT_EQ(shared->counters[0], 3);
}

// Where the file that the workers share is in this process.
std::byte* shared_with_the_pool() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("/memfd:haid") == std::string::npos) continue;
        return reinterpret_cast<std::byte*>(std::stoull(line, nullptr, 16));
    }
    return nullptr;
}

int overwrites_its_lane(int) {
    // A page for the header, then the slots, whole pages of them: see Segment.
    std::byte* const lanes = shared_with_the_pool() + 4096 + channel::Segment::slots * sizeof(channel::Slot);
    reinterpret_cast<channel::Lane*>(lanes)->tail.store(std::uint64_t{1} << 40);
    ::raise(SIGKILL);
    return 0;
}

TEST_F(PoolErrors, AWorkerThatHasWrittenOverItsResultsIsToldAndEndsThePool) {
    Pool pool(1);
    expect_thrown<Error>([&] { pool.apply(overwrites_its_lane, 1); },
                         [](const Error& error) {
                             EXPECT_NE(std::string(error.what()).find("worker 0 has written over"), std::string::npos)
                                 << error.what();
                         });
    EXPECT_THROW(pool.apply(twice, 1), Error);
}

TEST_F(PoolErrors, WhatTheInitializerThrowsIsSaid) {
    Pool pool({.workers = 2, .initializer = [] { throw std::out_of_range("no such table"); }});
    expect_thrown<std::out_of_range>([&] { pool.map(twice, up_to(5)); },
                                     [](const auto& error) { EXPECT_STREQ(error.what(), "no such table"); });
    EXPECT_THROW(pool.apply(twice, 1), std::out_of_range);
}

}  // namespace
}  // namespace haid
