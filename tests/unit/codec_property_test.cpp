// Whatever the value: what arrives is what was sent, and takes all of the bytes.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "codec_values.hpp"
#include "haid/codec.hpp"

namespace haid::values {

// Any tree whose height is at most that.
inline rc::Gen<Tree> any_tree(int height) {
    return rc::gen::exec([height] {
        Tree tree;
        tree.value = *rc::gen::arbitrary<int>();
        if (height == 0) return tree;
        const auto children = *rc::gen::inRange(0, 3);
        for (int i = 0; i < children; ++i) tree.children.push_back(*any_tree(height - 1));
        if (*rc::gen::arbitrary<bool>()) tree.next = std::make_unique<Tree>(*any_tree(height - 1));
        return tree;
    });
}

}  // namespace haid::values

namespace rc {

using haid::values::Colour;
using haid::values::Grid;
using haid::values::Point;

template <>
struct Arbitrary<Colour> {
    static Gen<Colour> arbitrary() { return gen::element(Colour::red, Colour::green); }
};
template <>
struct Arbitrary<Point> {
    static Gen<Point> arbitrary() { return gen::build<Point>(gen::set(&Point::x), gen::set(&Point::y)); }
};
template <>
struct Arbitrary<Grid> {
    static Gen<Grid> arbitrary() {
        return gen::exec([] {
            Grid grid{};
            for (char& letter : grid.label) letter = *gen::arbitrary<char>();
            grid.name = *gen::arbitrary<std::string>();
            for (auto& row : grid.cells) {
                for (double& cell : row) cell = *gen::arbitrary<double>();
            }
            for (bool& flag : grid.flags) flag = *gen::arbitrary<bool>();
            for (std::string& name : grid.names) name = *gen::arbitrary<std::string>();
            return grid;
        });
    }
};
template <class... T>
struct Arbitrary<std::variant<T...>> {
    static Gen<std::variant<T...>> arbitrary() {
        return gen::oneOf(gen::map<T>([](T value) { return std::variant<T...>(std::move(value)); })...);
    }
};
template <class T>
struct Arbitrary<std::optional<T>> {
    static Gen<std::optional<T>> arbitrary() {
        return gen::map<Maybe<T>>(
            [](Maybe<T> value) { return value ? std::optional<T>(std::move(*value)) : std::nullopt; });
    }
};

}  // namespace rc

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
    rc::check(std::string(detail::type_name<T>()), [](const T& value) { check_crossing(value); });
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
    rc::check("any tree crosses", [] { check_crossing(*any_tree(4)); });
}

// Bytes are refused, or are a value that takes the same way again.
TEST(CodecProperty, AnyBytes) {
    using Value = std::vector<std::variant<bool, std::string, std::optional<std::vector<Colour>>>>;
    rc::check("any bytes are refused or a value", [](const std::vector<std::uint8_t>& bytes) {
        Decoder from(std::as_bytes(std::span(bytes)));
        try {
            check_crossing(decode<Value>(from));
        } catch (const DecodeError&) {
        }
    });
}

}  // namespace
}  // namespace haid
