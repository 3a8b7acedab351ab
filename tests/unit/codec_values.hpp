// Types that tests of the codec send across.
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "haid/codec.hpp"

namespace haid::values {

enum class Colour : std::uint8_t { red, green };
enum class Yes : bool { no, yes };

struct Point {
    double x = 0;
    double y = 0;
    bool operator==(const Point&) const = default;
};

struct Empty {
    bool operator==(const Empty&) const = default;
};

// No default, and members nobody can see.
class Date {
  public:
    Date(int year, int day) : year_(year), day_(day) {}
    bool operator==(const Date&) const = default;

  private:
    int year_;
    int day_;
};

struct Sample {
    std::string name;
    Date date;
    std::optional<Point> where;
    std::vector<double> values;
    bool operator==(const Sample&) const = default;
};

struct Grid {
    char label[8];
    std::string name;
    double cells[2][3];
    bool flags[3];
    std::string names[2];
    bool operator==(const Grid&) const = default;
};

struct Tree {
    int value = 0;
    std::vector<Tree> children;
    std::unique_ptr<Tree> next;
    bool operator==(const Tree& other) const {
        return value == other.value && children == other.children && !next == !other.next &&
               (!next || *next == *other.next);
    }
};

struct Branch {
    std::vector<Branch> branches;
    bool operator==(const Branch&) const = default;
};

struct Wide {
    int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, ab, ac, ad, ae;
    std::string af;
    bool operator==(const Wide&) const = default;
};

struct Constant {
    const int number;
    const std::string text;
    bool operator==(const Constant&) const = default;
};

struct Flags {
    unsigned small : 3;
    bool yes : 1;
    Colour colour : 2;
    bool operator==(const Flags&) const = default;
};

// Known to haid by its Codec only.
class Secret {
  public:
    explicit Secret(std::string text) : text_(std::move(text)) {}
    const std::string& text() const { return text_; }
    bool operator==(const Secret&) const = default;

  private:
    std::string text_;
};

// Takes no byte.
struct Nothing {
    bool operator==(const Nothing&) const = default;
};

// Trivially copyable, but its Codec says otherwise.
struct Handle {
    int* target;
};

// Everything at once.
struct Rich {
    Sample sample;
    Grid grid;
    Tree tree;
    std::vector<bool> bits;
    std::vector<std::string> words;
    std::deque<Colour> colours;
    std::list<std::pair<int, std::string>> pairs;
    std::forward_list<Yes> answers;
    std::map<std::string, std::vector<int>> map;
    std::unordered_map<int, std::string> hashes;
    std::multiset<std::string> names;
    std::set<int> numbers;
    std::variant<std::monostate, int, std::string, std::vector<std::uint16_t>> choice;
    std::tuple<bool, std::string, std::complex<float>> triple;
    std::array<std::string, 2> both;
    std::bitset<70> mask;
    std::filesystem::path path;
    std::chrono::system_clock::time_point when;
    std::unique_ptr<std::string> maybe;
    std::u16string wide;
};

}  // namespace haid::values

template <>
struct haid::Codec<haid::values::Secret> {
    static void encode(Encoder& to, const values::Secret& value) { haid::encode(to, value.text()); }
    static values::Secret decode(Decoder& from) { return values::Secret(haid::decode<std::string>(from)); }
};

template <>
struct haid::Codec<haid::values::Nothing> {
    static void encode(Encoder&, const values::Nothing&) {}
    static values::Nothing decode(Decoder&) { return {}; }
};

template <>
struct haid::Codec<haid::values::Handle> {
    static void encode(Encoder& to, const values::Handle& value) { haid::encode(to, *value.target); }
    static values::Handle decode(Decoder& from) {
        static int target;
        target = haid::decode<int>(from);
        return {&target};
    }
};

namespace haid::values {

inline Rich rich() {
    Rich value{
        .sample = {"name", Date(2024, 60), Point{1, 2}, {1, 2, 3}},
        .grid = {"label",
                 "name",
                 {{1, 2, 3}, {4, 5, 6}},
                 {true, false, true},
                 {"a", "a text that needs memory of its own"}},
        .tree = {},
        .bits = {true, false, true},
        .words = {"a", "another text that needs memory of its own"},
        .colours = {Colour::red, Colour::green},
        .pairs = {{1, "one"}, {2, "two"}},
        .answers = {Yes::yes, Yes::no},
        .map = {{"a", {1, 2}}, {"b", {}}},
        .hashes = {{1, "one"}, {2, "two"}},
        .names = {"x", "x", "y"},
        .numbers = {1, 2, 3},
        .choice = std::vector<std::uint16_t>{1, 2},
        .triple = {true, "three", {1, 2}},
        .both = {"first", "second"},
        .mask = 5,
        .path = "/tmp",
        .when = {},
        .maybe = std::make_unique<std::string>("maybe"),
        .wide = u"wide",
    };
    value.tree.children.resize(2);
    value.tree.children[1].next = std::make_unique<Tree>();
    return value;
}

template <class T>
std::vector<std::byte> encoded(const T& value) {
    BufferEncoder buffer;
    encode(buffer, value);
    return {buffer.bytes().begin(), buffer.bytes().end()};
}

template <class T>
T decoded(std::span<const std::byte> bytes) {
    Decoder from(bytes);
    T value = decode<T>(from);
    from.expect_end();
    return value;
}

// Little ends first, as every machine we run on does.
inline std::vector<std::byte> bytes(std::initializer_list<int> values) {
    std::vector<std::byte> result;
    for (int value : values) result.push_back(static_cast<std::byte>(value));
    return result;
}
inline std::vector<std::byte> size_of(std::uint64_t size) {
    return encoded(size);
}

}  // namespace haid::values
