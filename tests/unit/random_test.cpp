// The engine, the seed sequence and the streams of items, by numbers that others have published.
#include "haid/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iomanip>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "haid/error.hpp"

namespace haid {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::uint32_t>;

static_assert(std::uniform_random_bit_generator<Philox>);
static_assert(std::equality_comparable<Philox> && std::copyable<Philox>);
static_assert(!std::is_convertible_v<std::uint64_t, Philox>);
// A copy of an engine that is not const is a copy, and no seed sequence.
static_assert(std::is_constructible_v<Philox, Philox&> && std::is_constructible_v<Philox, std::seed_seq&>);
static_assert(!std::is_constructible_v<Philox, std::string&>);

Words drawn(Philox engine, int count) {
    Words numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(engine());
    return numbers;
}

Philox at(const std::string& state) {
    std::istringstream in(state);
    Philox engine;
    in >> engine;
    EXPECT_TRUE(in) << state;
    return engine;
}

std::string state_of(const Philox& engine) {
    std::ostringstream out;
    out << engine;
    return out.str();
}

// Random123's known answers (kat_vectors, philox4x32 10).
TEST(PhiloxTest, DrawsThePublishedNumbers) {
    EXPECT_EQ(drawn(at("0 0 0 0 0 0 3"), 4), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(drawn(at("4294967295 4294967295 4294967295 4294967295 4294967295 4294967295 3"), 4),
              (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    std::ostringstream pi;
    for (std::uint32_t word : {0xa4093822U, 0x299f31d0U, 0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U})
        pi << word << ' ';
    EXPECT_EQ(drawn(at(pi.str() + "3"), 4), (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// What C++26 asks of std::philox4x32 ([rand.predef]).
TEST(PhiloxTest, TheTenThousandthNumberIsTheStandards) {
    Philox engine;
    std::uint32_t last = 0;
    for (int i = 0; i < 10'000; ++i) last = engine();
    EXPECT_EQ(last, 1955073260U);
    Philox jumped;
    jumped.discard(9'999);
    EXPECT_EQ(jumped(), 1955073260U);
    EXPECT_EQ(jumped, engine);
}

TEST(PhiloxTest, DiscardIsDrawing) {
    for (const char* start : {"1 2 0 0 0 0 3", "1 2 3 0 0 0 0", "9 9 4294967294 4294967295 4294967295 0 1",
                              "5 5 4294967295 4294967295 4294967295 4294967295 2"}) {
        for (unsigned count = 0; count < 40; ++count) {
            Philox drawing = at(start), jumping = at(start);
            for (unsigned i = 0; i < count; ++i) drawing();
            jumping.discard(count);
            ASSERT_EQ(drawing, jumping) << start << " by " << count;
            ASSERT_EQ(drawing(), jumping()) << start << " by " << count;
        }
    }
    // 2^64 - 1 numbers and one more are 2^62 blocks.
    Philox far(7);
    far();
    far.discard(~0ULL);
    EXPECT_EQ(state_of(far), "7 0 0 1073741824 0 0 3");
    EXPECT_EQ(far(), at("7 0 0 1073741824 0 0 3")());
}

TEST(PhiloxTest, ItsStateIsText) {
    Philox engine(77, 5);
    engine.discard(10);
    std::stringstream text;
    text << std::hex << std::setfill('*') << std::setw(3);
    text << engine;
    EXPECT_EQ(text.str(), "77 0 3 0 5 0 1");
    text << 255;
    EXPECT_THAT(text.str(), HasSubstr("ff")) << "the stream's own format was not given back";
    Philox read;
    text.str("77 0 3 0 5 0 1 rest");
    text >> read;
    EXPECT_EQ(read, engine);
    EXPECT_EQ(read(), engine());
    for (const char* wrong : {"", "1 2 3", "1 2 3 4 5 6 4", "1 2 3 4 5 6 x", "1 2 3 4 5 99999999999 1"}) {
        std::istringstream in(wrong);
        Philox kept(3);
        in >> kept;
        EXPECT_TRUE(in.fail()) << wrong;
        EXPECT_EQ(kept, Philox(3)) << wrong;
    }
}

TEST(PhiloxTest, IsSeededInEveryWay) {
    EXPECT_EQ(Philox(), Philox(Philox::default_seed));
    EXPECT_NE(Philox(1), Philox(2));
    EXPECT_NE(Philox(1, 0), Philox(1, 1));
    EXPECT_NE(Philox(1), Philox(1 + (std::uint64_t{1} << 32)));
    Philox engine(5, 6);
    engine();
    engine.seed(5, 6);
    EXPECT_EQ(engine, Philox(5, 6));
    engine.seed();
    EXPECT_EQ(engine, Philox());
    std::seed_seq numbers{1, 2, 3};
    std::uint32_t key[2];
    numbers.generate(key, key + 2);
    EXPECT_EQ(Philox(numbers), Philox(key[0] + (std::uint64_t{key[1]} << 32)));
    engine.seed(numbers);
    EXPECT_EQ(engine, Philox(numbers));
}

TEST(PhiloxTest, WorksWithWhatTheStandardHas) {
    Philox engine(1);
    std::vector<int> cards(52);
    for (int i = 0; i < 52; ++i) cards[static_cast<std::size_t>(i)] = i;
    std::vector<int> shuffled = cards;
    std::shuffle(shuffled.begin(), shuffled.end(), engine);
    EXPECT_NE(shuffled, cards);
    EXPECT_THAT(shuffled, testing::UnorderedElementsAreArray(cards));
    double sum = 0;
    std::normal_distribution<> normal(3, 1);
    for (int i = 0; i < 100'000; ++i) sum += normal(engine);
    EXPECT_NEAR(sum / 100'000, 3, 0.02);
    std::independent_bits_engine<Philox, 64, std::uint64_t> wide(engine);
    std::discard_block_engine<Philox, 11, 7> some(engine);
    std::shuffle_order_engine<Philox, 16> mixed(engine);
    EXPECT_NE(wide(), wide());
    EXPECT_NE(some(), some());
    EXPECT_NE(mixed(), mixed());
}

Words words_of(const SeedSequence& seeds, std::size_t count) {
    Words words(count);
    seeds.generate(words.begin(), words.end());
    return words;
}

// numpy.random.SeedSequence(seed, spawn_key=(index,)).generate_state(6)
TEST(SeedSequenceTest, GivesTheNumbersOfNumpys) {
    EXPECT_EQ(words_of(SeedSequence{0, 0}, 6),
              (Words{0xdff7b411, 0x784dfb2c, 0x56cf8f57, 0xca65717f, 0x9bb52223, 0x66ba395b}));
    EXPECT_EQ(words_of(SeedSequence{1, 0}, 6),
              (Words{0x61d5f260, 0x7503ef94, 0x4fea20f8, 0x4ac95c40, 0xf3504e45, 0x4bedcc9a}));
    EXPECT_EQ(words_of(SeedSequence{2026, 7}, 6),
              (Words{0x971b910e, 0x561c98e9, 0x6d1969d0, 0x790d7373, 0x1e2dcf98, 0x51244931}));
    EXPECT_EQ(words_of(SeedSequence{std::uint64_t{1} << 32, 1}, 6),
              (Words{0x74c73928, 0x6c1aa684, 0x2e159da1, 0xc384fe62, 0x7a9bb6d4, 0xcb8cbd62}));
    EXPECT_EQ(words_of(SeedSequence{UINT64_MAX, (std::uint64_t{1} << 40) + 3}, 6),
              (Words{0xabc42a0c, 0x72f2b7ea, 0x41353cd1, 0xdcaaf85f, 0x522a4d12, 0x94b68c9e}));
    EXPECT_EQ(words_of(SeedSequence{42, std::uint64_t{1} << 32}, 6),
              (Words{0xe8fbbfa5, 0xc72c8047, 0xcdebf763, 0x287a900b, 0x423ade14, 0xdcdaf751}));
}

template <class Engine>
void expect_seeded() {
    SeedSequence seeds(1, 2), same(1, 2), other(1, 3);
    Engine engine(seeds), again(same), different(other);
    EXPECT_EQ(engine, again);
    EXPECT_NE(engine, different);
    engine.seed(other);
    EXPECT_EQ(engine, different);
}

TEST(SeedSequenceTest, SeedsEveryEngineOfTheStandard) {
    expect_seeded<std::mt19937>();
    expect_seeded<std::mt19937_64>();
    expect_seeded<std::minstd_rand>();
    expect_seeded<std::ranlux48>();
    expect_seeded<std::knuth_b>();
    expect_seeded<Philox>();
    const SeedSequence fixed(1, 2);
    std::mt19937 of_fixed(fixed);
    SeedSequence seeds(1, 2);
    EXPECT_EQ(of_fixed, std::mt19937(seeds));
}

TEST(StreamTest, OutsideOfItemsNeedsAnIndex) {
    EXPECT_EQ(item_index(), std::nullopt);
    EXPECT_EQ(stream(5, 3), Philox(5, 3));
    for (auto draw : {+[] { stream(1)(); }, +[] { words_of(SeedSequence(1), 1); }}) {
        try {
            draw();
            FAIL() << "no error";
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), HasSubstr("haid::stream(seed, index)"));
        }
    }
}

}  // namespace
}  // namespace haid
