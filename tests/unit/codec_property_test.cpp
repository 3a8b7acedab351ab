// Whatever the value: what arrives is what was sent, and takes all of the bytes.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <concepts>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "codec_values.hpp"
#include "haid/codec.hpp"

namespace haid::values {

// Any value of a type. RapidCheck makes only what values are made of: its own generators of containers, nested as deep
// as here, took the compiler 68 s and 1.6 GiB; these take 16 s and 0.6 GiB.
template <class T>
struct Any {
    static T make() { return *rc::gen::arbitrary<T>(); }
};
template <class T>
T any() {
    return Any<T>::make();
}

template <std::ranges::range T>
    requires(!std::same_as<T, std::string>)
struct Any<T> {
    static T make() {
        T all;
        for (int left = *rc::gen::inRange(0, 100); left != 0; --left)
            all.insert(all.end(), any<typename T::value_type>());
        return all;
    }
};
template <class T, std::size_t size>
struct Any<std::array<T, size>> {
    static std::array<T, size> make() {
        std::array<T, size> all;
        for (T& one : all) one = any<T>();
        return all;
    }
};
template <class First, class Second>
struct Any<std::pair<First, Second>> {
    static std::pair<First, Second> make() { return {any<std::remove_const_t<First>>(), any<Second>()}; }
};
template <class... T>
struct Any<std::tuple<T...>> {
    static std::tuple<T...> make() { return {any<T>()...}; }
};
template <class T>
struct Any<std::optional<T>> {
    static std::optional<T> make() { return any<bool>() ? std::optional(any<T>()) : std::nullopt; }
};
template <class... T>
struct Any<std::variant<T...>> {
    static std::variant<T...> make() {
        constexpr std::variant<T...> (*makers[])() = {[] { return std::variant<T...>(any<T>()); }...};
        return makers[*rc::gen::inRange(std::size_t{0}, sizeof...(T))]();
    }
};

template <>
struct Any<Colour> {
    static Colour make() { return any<bool>() ? Colour::red : Colour::green; }
};
template <>
struct Any<Point> {
    static Point make() { return {any<double>(), any<double>()}; }
};
template <>
struct Any<Grid> {
    static Grid make() {
        Grid grid{};
        for (char& letter : grid.label) letter = any<char>();
        grid.name = any<std::string>();
        for (auto& row : grid.cells) {
            for (double& cell : row) cell = any<double>();
        }
        for (bool& flag : grid.flags) flag = any<bool>();
        for (std::string& name : grid.names) name = any<std::string>();
        return grid;
    }
};

// Its height is at most that.
inline Tree any_tree(int height) {
    Tree tree;
    tree.value = any<int>();
    if (height == 0) return tree;
    for (int left = *rc::gen::inRange(0, 3); left != 0; --left) tree.children.push_back(any_tree(height - 1));
    if (any<bool>()) tree.next = std::make_unique<Tree>(any_tree(height - 1));
    return tree;
}

}  // namespace haid::values

namespace haid {
namespace {

using namespace values;

template <class T>
void check_crossing(const T& value) {
    BufferEncoder buffer;
    encode(buffer, value);
    Decoder from(buffer.bytes());
    const T arrived = decode<T>(from);
    RC_ASSERT(arrived == value);
    from.expect_end();
}

template <class T>
void every_value_crosses() {
    const std::function<void()> property = [] { check_crossing(any<T>()); };
    EXPECT_TRUE(rc::check(std::string(detail::type_name<T>()), property));
}

TEST(CodecProperty, Sequences) {
    every_value_crosses<std::string>();
    every_value_crosses<std::vector<int>>();
    every_value_crosses<std::vector<bool>>();
    every_value_crosses<std::vector<std::vector<std::string>>>();
    every_value_crosses<std::deque<std::pair<int, double>>>();
    every_value_crosses<std::list<std::string>>();
    every_value_crosses<std::array<std::vector<short>, 3>>();
}

TEST(CodecProperty, MapsAndSets) {
    every_value_crosses<std::map<std::string, std::vector<double>>>();
    every_value_crosses<std::unordered_map<int, std::map<int, std::string>>>();
    every_value_crosses<std::set<std::pair<int, std::string>>>();
    every_value_crosses<std::unordered_set<std::string>>();
    every_value_crosses<std::multimap<int, bool>>();
}

TEST(CodecProperty, SmallTypes) {
    every_value_crosses<std::tuple<bool, std::string, std::vector<Colour>>>();
    every_value_crosses<std::optional<std::vector<std::optional<int>>>>();
    every_value_crosses<std::vector<std::variant<int, std::string, std::vector<double>, bool>>>();
}

TEST(CodecProperty, Structs) {
    every_value_crosses<std::vector<Point>>();
    every_value_crosses<std::vector<Grid>>();
    every_value_crosses<std::map<std::string, std::tuple<Grid, std::vector<Point>, std::optional<Colour>>>>();
}

TEST(CodecProperty, Trees) {
    EXPECT_TRUE(rc::check("any tree crosses", [] { check_crossing(any_tree(4)); }));
}

// Bytes are refused, or are a value that takes the same way again.
TEST(CodecProperty, AnyBytes) {
    using Value = std::vector<std::variant<bool, std::string, std::optional<std::vector<Colour>>>>;
    EXPECT_TRUE(rc::check("any bytes are refused or a value", [](const std::vector<std::uint8_t>& bytes) {
        Decoder from(std::as_bytes(std::span(bytes)));
        try {
            check_crossing(decode<Value>(from));
        } catch (const DecodeError&) {
        }
    }));
}

}  // namespace
}  // namespace haid
