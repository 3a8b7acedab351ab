// The memory of inputs: what rests is given back, and what is being given back is not used.
#include "pool/arena.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>

namespace haid::pool {
namespace {

constexpr std::size_t large = std::size_t{8} << 20;

class ArenaTest : public testing::Test {
  protected:
    std::uint64_t allocate(std::size_t size = large) {
        const std::uint64_t block = arena_.allocate(size).value();
        std::memset(segment_.block(block), 1, size);
        return block;
    }
    std::size_t memory() const {
        struct stat status {};
        ::fstat(segment_.descriptor(), &status);
        return static_cast<std::size_t>(status.st_blocks) * 512;
    }
    channel::Word& rest() { return segment_.header().rest; }
    // As the zygote does.
    void begin_to_empty() {
        ASSERT_GT(rest().load(), std::uint64_t{channel::emptied});
        rest().store(channel::emptying);
        segment_.header().rest_told.store(0);
    }
    void end_emptying() {
        segment_.discard(segment_.arena_begin(), segment_.header().rest_size.load());
        rest().store(channel::emptied);
    }

    channel::Segment segment_{1};
    int told_ = 0;
    Arena arena_{segment_, [this] { ++told_; }};
};

TEST_F(ArenaTest, RestsWhenNothingIsInUse) {
    const std::uint64_t first = allocate();
    const std::uint64_t second = allocate();
    EXPECT_EQ(rest(), channel::busy);
    arena_.free(first, large);
    EXPECT_EQ(rest(), channel::busy);
    arena_.free(second, large);
    EXPECT_GT(rest(), std::uint64_t{channel::emptied});
    EXPECT_EQ(segment_.header().rest_size, 2 * large);
    EXPECT_EQ(told_, 1);
    EXPECT_EQ(allocate(), second);  // while it is warm
    EXPECT_EQ(rest(), channel::busy);
    arena_.free(second, large);
    EXPECT_EQ(told_, 1);  // it will be looked at
}

TEST_F(ArenaTest, LittleIsKept) {
    arena_.free(allocate(1000), 1000);
    EXPECT_EQ(rest(), channel::busy);
    EXPECT_EQ(told_, 0);
}

TEST_F(ArenaTest, WhatWasEmptiedIsUsedFromTheBeginning) {
    const std::uint64_t first = allocate();
    arena_.free(allocate(), large);
    arena_.free(first, large);
    begin_to_empty();
    end_emptying();
    EXPECT_LT(memory(), large);
    EXPECT_EQ(allocate(), first);
    EXPECT_EQ(rest(), channel::busy);
    EXPECT_EQ(allocate(), first + large);
}

TEST_F(ArenaTest, WhatIsBeingEmptiedIsNotUsed) {
    const std::uint64_t first = allocate();
    arena_.free(first, large);
    begin_to_empty();
    const std::uint64_t second = allocate();
    EXPECT_GE(second, first + large);
    end_emptying();
    EXPECT_GE(memory(), large);
    EXPECT_EQ(*segment_.block(second), std::byte{1});
    const std::uint64_t third = allocate();
    EXPECT_GE(third, second + large);
    arena_.free(second, large);
    arena_.free(third, large);
    EXPECT_EQ(told_, 2);
    begin_to_empty();
    end_emptying();
    EXPECT_LT(memory(), large);
    EXPECT_EQ(allocate(), first);
}

TEST_F(ArenaTest, NobodyWaitsForWhoEmpties) {
    const std::uint64_t first = allocate();
    arena_.free(first, large);
    begin_to_empty();
    for (int round = 0; round < 3; ++round) {
        const std::uint64_t next = allocate();
        EXPECT_GE(next, first + large);
        arena_.free(next, large);
        EXPECT_EQ(rest(), channel::emptying);
    }
    end_emptying();
    EXPECT_EQ(allocate(), first);
}

}  // namespace
}  // namespace haid::pool
