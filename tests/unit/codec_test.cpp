#include "haid/codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <stdexcept>

#include "codec_values.hpp"

namespace haid {
namespace {

using namespace values;
using testing::HasSubstr;
using testing::ThrowsMessage;

template <class T>
T crossed(const T& value) {
    return decoded<T>(encoded(value));
}

template <class T>
void expect_same(const T& value) {
    EXPECT_TRUE(crossed(value) == value) << detail::type_name<T>();
}

TEST(Codec, NumbersTakeTheirOwnSize) {
    EXPECT_EQ(encoded(0x01020304), bytes({4, 3, 2, 1}));
    EXPECT_EQ(encoded(true), bytes({1}));
    EXPECT_EQ(encoded(std::vector{1.0, 2.0}).size(), 8 + 2 * 8);
    EXPECT_EQ(encoded(std::string("abc")).size(), 8 + 3);
    EXPECT_EQ(encoded(Point{}).size(), 16);
    EXPECT_EQ(encoded(std::vector<bool>(65)).size(), 8 + 9);
}

TEST(Codec, Scalars) {
    expect_same(-5);
    expect_same('x');
    expect_same(1.5L);
    expect_same(false);
    expect_same(true);
    expect_same(Colour::green);
    expect_same(Yes::yes);
    expect_same(std::byte{200});
    expect_same(std::numeric_limits<std::uint64_t>::max());
    expect_same(std::complex<double>(1, -2));
    EXPECT_EQ(crossed<const int>(3), 3);
}

TEST(Codec, Strings) {
    expect_same(std::string());
    expect_same(std::string("with\0zero", 9));
    expect_same(std::string(100'000, 'x'));
    expect_same(std::u8string(u8"ŵ"));
    expect_same(std::u16string(u"ŵ"));
    expect_same(std::u32string(U"ŵ"));
    expect_same(std::wstring(L"ŵ"));
    expect_same(std::filesystem::path("/a/b c"));
}

TEST(Codec, Sequences) {
    expect_same(std::vector<int>{});
    expect_same(std::vector{1, 2, 3});
    expect_same(std::vector<std::string>{"", "a", "bc"});
    expect_same(std::vector<std::vector<double>>{{}, {1}, {2, 3}});
    expect_same(std::vector{Point{1, 2}, Point{3, 4}});
    expect_same(std::vector{Date(2024, 1), Date(2025, 366)});
    expect_same(std::vector{std::pair(1, 2.0), std::pair(3, 4.0)});
    expect_same(std::deque{1, 2});
    expect_same(std::deque<std::string>{"a", "b"});
    expect_same(std::list{1, 2});
    expect_same(std::list<std::string>{"a", "b"});
    expect_same(std::forward_list{1, 2, 3});
    expect_same(std::forward_list<std::string>{"a", "b", "c"});
    expect_same(std::array{1, 2});
    expect_same(std::array<std::string, 2>{"a", "b"});
    expect_same(std::array<Sample, 1>{Sample{"n", Date(1, 2), {}, {}}});
    expect_same(std::array<std::string, 0>{});
    expect_same(std::vector{true, false, true});
    for (std::size_t size : {0, 1, 63, 64, 65, 1000}) {
        std::vector<bool> bits(size);
        for (std::size_t i = 0; i < size; i += 3) bits[i] = true;
        expect_same(bits);
        expect_same(std::tuple(bits, std::string("behind")));
    }
}

TEST(Codec, FlatElementsAtAnOddAddress) {
    expect_same(std::pair(std::string("odd"), std::vector{1.0, 2.0, 3.0}));
    expect_same(std::pair(std::string("odd"), std::u32string(U"abc")));
    expect_same(std::pair(std::string("odd"), std::vector{Date(1, 2)}));
    expect_same(std::pair(std::string("odd"), std::deque{1, 2, 3}));
}

TEST(Codec, MapsAndSets) {
    expect_same(std::map<std::string, int>{{"a", 1}, {"b", 2}});
    expect_same(std::multimap<int, std::string>{{1, "a"}, {1, "b"}});
    expect_same(std::unordered_map<int, std::vector<int>>{{1, {1}}, {2, {}}});
    expect_same(std::unordered_multimap<int, int>{{1, 1}, {1, 2}});
    expect_same(std::set<std::string>{"a", "b"});
    expect_same(std::set<int, std::greater<>>{1, 2});
    expect_same(std::multiset{1, 1, 2});
    expect_same(std::unordered_set{1, 2, 3});
    expect_same(std::unordered_multiset<std::string>{"a", "a"});
}

TEST(Codec, EqualKeysKeepTheirOrder) {
    const std::multimap<int, std::string> map{{1, "first"}, {1, "second"}, {0, "other"}};
    expect_same(map);
}

TEST(Codec, SmallTypes) {
    expect_same(std::pair(1, std::string("a")));
    expect_same(std::tuple(1, 2.0, std::string("a")));
    expect_same(std::tuple(true));
    expect_same(std::tuple<>());
    expect_same(std::optional<int>());
    expect_same(std::optional(std::optional<int>()));
    expect_same(std::optional<std::string>("a"));
    expect_same(std::monostate());
    expect_same(std::variant<int, std::string>("a"));
    expect_same(std::variant<int, int>(std::in_place_index<1>, 5));
    expect_same(std::bitset<5>(0b10101));
    expect_same(std::bitset<64>(~0ULL));
    expect_same(std::bitset<200>().set(199));
    expect_same(std::bitset<0>());
    expect_same(std::chrono::seconds(5));
    expect_same(std::chrono::duration<double>(0.5));
    expect_same(std::chrono::system_clock::now());
    expect_same(std::chrono::steady_clock::now());
    expect_same(std::chrono::year_month_day(std::chrono::year(2024), std::chrono::May, std::chrono::day(4)));
}

TEST(Codec, UniquePtr) {
    EXPECT_EQ(crossed(std::unique_ptr<int>()), nullptr);
    EXPECT_EQ(*crossed(std::make_unique<std::string>("a")), "a");
    EXPECT_EQ(*crossed(std::unique_ptr<const int>(new int(4))), 4);
}

TEST(Codec, Structs) {
    expect_same(Point{1, 2});
    expect_same(Empty{});
    expect_same(Date(2024, 60));
    expect_same(Sample{"name", Date(2024, 60), Point{1, 2}, {1, 2, 3}});
    expect_same(Grid{"label", "name", {{1, 2, 3}, {4, 5, 6}}, {true, false, true}, {"a", "b"}});
    expect_same(Branch{{Branch{}, Branch{{Branch{}}}}});
    expect_same(Constant{1, "a"});
    expect_same(Flags{5, true, Colour::green});
    expect_same(std::vector{Flags{1, false, Colour::red}, Flags{7, true, Colour::green}});
    expect_same(Wide{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                     17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, "32"});
    struct Local {
        std::map<std::string, Point> points;
        bool operator==(const Local&) const = default;
    };
    expect_same(Local{{{"a", Point{1, 2}}}});
}

TEST(Codec, Callables) {
    const auto lambda = [](int x) { return x + 1; };
    EXPECT_EQ(crossed(lambda)(1), 2);
    struct Add {
        int amount;
        int operator()(int x) const { return x + amount; }
    };
    EXPECT_EQ(crossed(Add{3})(4), 7);
    EXPECT_EQ(crossed(std::plus<>())(1, 2), 3);
}

TEST(Codec, TheUsersCodec) {
    expect_same(Secret("text"));
    expect_same(std::map<int, std::vector<Secret>>{{1, {Secret("a"), Secret("b")}}});
    expect_same(std::vector<Nothing>(1000));
    int target = 5;
    EXPECT_EQ(*crossed(Handle{&target}).target, 5);
}

TEST(Codec, OneValueAfterAnother) {
    BufferEncoder buffer;
    encode(buffer, 1);
    encode(buffer, std::string("two"));
    encode(buffer, Point{3, 4});
    Decoder from(buffer.bytes());
    EXPECT_EQ(decode<int>(from), 1);
    EXPECT_THROW(from.expect_end(), DecodeError);
    EXPECT_EQ(decode<std::string>(from), "two");
    EXPECT_EQ(decode<Point>(from), (Point{3, 4}));
    EXPECT_EQ(from.remaining(), 0);
    from.expect_end();
}

TEST(Codec, ABufferKeepsItsMemory) {
    BufferEncoder buffer;
    EXPECT_TRUE(buffer.bytes().empty());
    buffer.clear();
    encode(buffer, std::string(10'000, 'x'));
    const std::byte* const memory = buffer.bytes().data();
    buffer.clear();
    EXPECT_TRUE(buffer.bytes().empty());
    encode(buffer, std::string(10'000, 'y'));
    EXPECT_EQ(buffer.bytes().data(), memory);
    EXPECT_EQ(decoded<std::string>(buffer.bytes()), std::string(10'000, 'y'));
}

TEST(Codec, ValuesAreNestedToADepth) {
    const auto list = [](std::size_t length) {
        Tree first;
        Tree* last = &first;
        while (--length != 0) {
            last->next = std::make_unique<Tree>();
            last = last->next.get();
        }
        return first;
    };
    expect_same(list(max_nesting));
    BufferEncoder buffer;
    EXPECT_THAT([&] { encode(buffer, list(max_nesting + 1)); }, ThrowsMessage<Error>(HasSubstr("nested")));
    buffer.clear();
    encode(buffer, list(max_nesting));  // the depth is that of one value
}

TEST(Codec, AVariantWithoutAValueDoesNotCross) {
    std::variant<std::string, std::deque<int>> lost("a");
    EXPECT_THROW(lost.emplace<1>(std::size_t{1} << 63, 0), std::length_error);
    EXPECT_TRUE(lost.valueless_by_exception());
    EXPECT_THROW(encoded(lost), Error);
}

}  // namespace
}  // namespace haid
