// Bytes that are no value.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec_values.hpp"
#include "haid/codec.hpp"

namespace haid {
namespace {

using namespace values;
using testing::HasSubstr;
using testing::ThrowsMessage;

template <class T>
void expect_refused(std::span<const std::byte> bytes, const std::string& message) {
    Decoder from(bytes);
    EXPECT_THAT([&] { decode<T>(from); }, ThrowsMessage<DecodeError>(HasSubstr(message)));
}

TEST(CodecHostile, ErrorsNameWhatWasDecoded) {
    expect_refused<int>(bytes({1, 2}), "cannot decode int: it takes 4 more bytes, but 2 are left");
    expect_refused<std::vector<int>>(size_of(5), "cannot decode std::vector<int>: its size is said to be 5");
    expect_refused<bool>(bytes({2}), "cannot decode bool: its first byte is 2, neither 0 nor 1");
    expect_refused<Yes>(bytes({255}), "Yes: its first byte is 255");
    expect_refused<std::optional<int>>(bytes({2, 0, 0, 0, 0}), "std::optional<int>: its first byte is 2");
    expect_refused<std::unique_ptr<int>>(bytes({2, 0, 0, 0, 0}), "std::unique_ptr<int>: its first byte is 2");
    expect_refused<std::variant<int, bool>>(bytes({2, 0, 0, 0, 0}), "its index is 2");
    expect_refused<std::bitset<5>>(bytes({32, 0, 0, 0, 0, 0, 0, 0}), "std::bitset<5>: bits behind its last one");
}

TEST(CodecHostile, SizesAreCheckedBeforeMemoryIsTaken) {
    for (std::uint64_t size : {std::uint64_t{1}, std::uint64_t{1} << 32, std::uint64_t{1} << 61, ~std::uint64_t{0}}) {
        const auto lie = size_of(size);
        expect_refused<std::string>(lie, "size");
        expect_refused<std::u32string>(lie, "size");
        expect_refused<std::vector<double>>(lie, "size");
        expect_refused<std::vector<bool>>(lie, "more bytes");
        expect_refused<std::deque<int>>(lie, "size");
        expect_refused<std::filesystem::path>(lie, "size");
        expect_refused<std::vector<std::string>>(lie, "cannot decode");
        expect_refused<std::list<std::string>>(lie, "cannot decode");
        expect_refused<std::set<int>>(lie, "cannot decode");
        expect_refused<std::unordered_set<int>>(lie, "cannot decode");
        expect_refused<std::map<int, int>>(lie, "cannot decode");
        expect_refused<std::unordered_map<std::string, int>>(lie, "cannot decode");
    }
}

TEST(CodecHostile, ElementsWithoutAByteAreFew) {
    expect_refused<std::vector<Nothing>>(size_of(100'001), "its size is said to be");
    // Many small lies.
    std::vector<std::byte> hostile = size_of(1'000);
    for (int i = 0; i < 1'000; ++i) {
        const auto lie = size_of(1'000);
        hostile.insert(hostile.end(), lie.begin(), lie.end());
    }
    expect_refused<std::vector<std::vector<Nothing>>>(hostile, "without a byte");
}

TEST(CodecHostile, NestingIsBounded) {
    // Each level: its value, no children, and that another follows.
    std::vector<std::byte> hostile;
    for (int level = 0; level < 100'000; ++level) {
        hostile.insert(hostile.end(), 12, std::byte{0});
        hostile.push_back(std::byte{1});
    }
    expect_refused<Tree>(hostile, "nested");
}

TEST(CodecHostile, KeysThatComeTwiceDoNoHarm) {
    auto twice = size_of(2);
    for (int i : {7, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0}) twice.push_back(static_cast<std::byte>(i));
    EXPECT_EQ((decoded<std::map<int, int>>(twice)), (std::map<int, int>{{7, 1}}));
    EXPECT_EQ((decoded<std::unordered_map<int, int>>(twice)), (std::unordered_map<int, int>{{7, 1}}));
}

TEST(CodecHostile, EveryPrefixOfAValueIsRefused) {
    const auto all = encoded(rich());
    EXPECT_EQ(encoded(decoded<Rich>(all)).size(), all.size());
    for (std::size_t size = 0; size < all.size(); ++size) {
        // In memory of its own, so that reading past its end is found.
        const std::vector<std::byte> prefix(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_THROW(decoded<Rich>(prefix), DecodeError) << size;
    }
}

TEST(CodecHostile, EveryByteOfAValueMayBeWrong) {
    const auto all = encoded(rich());
    for (std::size_t at = 0; at < all.size(); ++at) {
        for (int wrong : {0, 1, 2, 0x7f, 0x80, 0xff}) {
            auto changed = all;
            changed[at] = static_cast<std::byte>(wrong);
            try {
                decoded<Rich>(changed);
            } catch (const DecodeError&) {
            }
        }
    }
}

}  // namespace
}  // namespace haid
