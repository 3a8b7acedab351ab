// apply: its options, and what its arguments become; the options of haid::map.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "pool_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class PoolApply : public PoolTest {};

template <class... Number>
int sum(int first, Number... more) {
    return first + (more + ... + 0);
}

template <class AnyPool>
void expect_options_last(AnyPool& pool) {
    shared->counters[0] = 0;
    static constexpr auto second_time = [](auto... numbers) {
        if (shared->counters[0]++ % 2 == 0) throw std::runtime_error("the first time");
        return (numbers + ... + 0);
    };
    const auto none = [] { return second_time(); };
    const auto five = [](int a, int b, int c, int d, int e) { return second_time(a, b, c, d, e); };
    EXPECT_EQ(pool.apply(none, {.retries = 1, .backoff = 1ms}), 0);
    EXPECT_EQ(pool.apply([](int a) { return second_time(a); }, 1, {.retries = 1, .backoff = 1ms}), 1);
    EXPECT_EQ(pool.apply([](int a, int b) { return second_time(a, b); }, 1, 2, {.retries = 1, .backoff = 1ms}), 3);
    EXPECT_EQ(
        pool.apply([](int a, int b, int c) { return second_time(a, b, c); }, 1, 2, 3, {.retries = 1, .backoff = 1ms}),
        6);
    EXPECT_EQ(pool.apply([](int a, int b, int c, int d) { return second_time(a, b, c, d); }, 1, 2, 3, 4,
                         {.retries = 1, .backoff = 1ms}),
              10);
    EXPECT_EQ(pool.apply(five, 1, 2, 3, 4, 5, CallOptions{.retries = 1, .backoff = 1ms}), 15);
    CallOptions named{.retries = 1, .backoff = 1ms};
    EXPECT_EQ(pool.apply(five, 1, 2, 3, 4, 5, named), 15);
    EXPECT_EQ(pool.apply(none, named), 0);
    EXPECT_EQ(pool.apply({.retries = 1, .backoff = 1ms}, none), 0);
    EXPECT_EQ(pool.apply(named, five, 1, 2, 3, 4, 5), 15);
    EXPECT_EQ(shared->counters[0], 20);
    EXPECT_EQ(pool.apply([](int a, int b) { return sum(a, b); }, 1, 2), 3);
}

TEST_F(PoolApply, TakesItsOptionsLast) {
    Pool pool(1);
    expect_options_last(pool);
    ThreadPool threads(1);
    expect_options_last(threads);
}

std::size_t length(const std::string& text) {
    return text.size();
}
std::size_t length_of_view(std::string_view text) {
    return text.size();
}

TEST_F(PoolApply, TakesLiterals) {
    Pool pool(1);
    EXPECT_EQ(pool.apply(length, "text"), 4U);
    EXPECT_EQ(pool.apply(length_of_view, "text"), 4U);
    EXPECT_EQ(pool.apply([](std::string a, std::string_view b) { return a + std::string(b); }, "one ", "two"),
              "one two");
    EXPECT_EQ(pool.apply([](std::u16string text) { return text.size(); }, u"text"), 4U);
    const char* named = "named";
    EXPECT_EQ(pool.apply(length, named, {.retries = 1}), 5U);
    EXPECT_EQ(pool.apply_async(length, std::tuple{"text"}).get(), 4U);
    ThreadPool threads(1);
    EXPECT_EQ(threads.apply(length, "text"), 4U);
    EXPECT_EQ(threads.apply([](const char* text) { return std::string(text); }, "text"), "text");
    EXPECT_EQ(threads.apply_async(length, std::tuple{"text"}).get(), 4U);
}

std::unique_ptr<int> more(std::unique_ptr<int> number) {
    ++*number;
    return number;
}

TEST_F(PoolApply, MovesWhatCanOnlyBeMoved) {
    ThreadPool threads(2);
    auto number = std::make_unique<int>(1);
    const int* const place = number.get();
    auto back = threads.apply(more, std::move(number));
    EXPECT_EQ(*back, 2);
    EXPECT_EQ(back.get(), place);
    auto later = threads.apply_async(more, std::tuple{std::move(back)});
    EXPECT_EQ(*later.get(), 3);
    back = std::move(later).get();
    EXPECT_EQ(back.get(), place);
    EXPECT_EQ(*threads.apply([](std::unique_ptr<int>&& taken, int by) { return std::make_unique<int>(*taken * by); },
                             std::move(back), 2),
              6);
    // Where the function can do with the object itself it stays, for a retry.
    shared->counters[0] = 0;
    EXPECT_EQ(threads.apply(
                  [](std::unique_ptr<int>& kept) {
                      if (shared->counters[0]++ == 0) throw std::runtime_error("the first time");
                      return *kept;
                  },
                  std::make_unique<int>(5), {.retries = 1, .backoff = 1ms}),
              5);
    EXPECT_THROW(threads.apply(more, std::make_unique<int>(1), {.retries = 1}), std::invalid_argument);
    EXPECT_THROW(threads.apply_async(more, std::tuple{std::make_unique<int>(1)}, {.retries = 1}),
                 std::invalid_argument);
    const auto made = threads.map([](int value) { return std::make_unique<int>(value); }, up_to(3));
    EXPECT_EQ(*made.at(2), 2);
    Pool pool(1);
    EXPECT_EQ(*pool.apply(more, std::make_unique<int>(1)), 2);
}

TEST_F(PoolApply, OptionsOfAForkedMapAreNamed) {
    EXPECT_EQ(haid::map(twice, up_to(3), {.workers = 2}), (std::vector{0, 2, 4}));
    EXPECT_EQ(
        haid::starmap([](int a, int b) { return a + b; }, std::vector{std::tuple{1, 2}}, {.workers = 1, .retries = 1}),
        std::vector{3});
    EXPECT_THROW(
        haid::for_each([](int) { std::this_thread::sleep_for(10s); }, up_to(1), {.workers = 1, .timeout = 50ms}),
        TimeoutError);
    std::size_t done = 0;
    haid::for_each(twice, up_to(3), {.chunk_size = 1, .progress = [&](std::size_t now, auto) { done = now; }});
    EXPECT_EQ(done, 3U);
    const CallOptions same =
        MapOptions{.workers = 3, .chunk_size = 4, .timeout = 5s, .retries = 6, .backoff = 7s, .keep_going = true};
    EXPECT_EQ(same.chunk_size, 4U);
    EXPECT_EQ(same.timeout, 5s);
    EXPECT_EQ(same.retries, 6U);
    EXPECT_EQ(same.backoff, 7s);
    EXPECT_TRUE(same.keep_going);
    EXPECT_FALSE(same.progress);
    EXPECT_EQ(CallOptions(MapOptions{}).backoff, CallOptions{}.backoff);
}

}  // namespace
}  // namespace haid
