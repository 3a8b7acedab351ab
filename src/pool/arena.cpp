#include "pool/arena.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <thread>

namespace haid::pool {
namespace {

// For what takes it some 10 ms for 100 MB.
constexpr std::chrono::seconds patience_with_the_zygote{5};

}  // namespace

int Arena::kind_of(std::size_t size) {
    int kind = size <= 1 ? 0 : static_cast<int>(std::bit_width(size - 1));
    return kind < smallest ? smallest : kind;
}

std::optional<std::uint64_t> Arena::allocate(std::size_t size) {
    int kind = kind_of(size);
    if (kind > largest) return std::nullopt;
    if (in_use_ == 0) wake_up();
    std::vector<Free>& free = free_[static_cast<std::size_t>(kind)];
    std::uint64_t block = end_of_used_;
    std::uint64_t block_size = std::uint64_t{1} << kind;
    if (!free.empty()) {
        block = free.back().block;
        kept_ -= free.back().kept;
        free.pop_back();
    } else if (block_size <= segment_.arena_end() - end_of_used_) {
        end_of_used_ += block_size;
    } else {
        return std::nullopt;
    }
    in_use_ += block_size;
    return block;
}

void Arena::free(std::uint64_t block, std::size_t size) {
    int kind = kind_of(size);
    std::uint64_t block_size = std::uint64_t{1} << kind;
    std::size_t kept = size > small ? size : 0;
    if (kept_ + kept > most_to_keep) {
        segment_.discard(block, block_size);
        kept = 0;
    }
    kept_ += kept;
    free_[static_cast<std::size_t>(kind)].push_back({block, kept});
    in_use_ -= block_size;
    if (in_use_ == 0) rest();
}

void Arena::begin_at(std::uint64_t address) {
    end_of_used_ = address;
    kept_ = 0;
    for (std::vector<Free>& free : free_) free.clear();
}

void Arena::wake_up() {
    channel::Word& rest = segment_.header().rest;
    if (rest.load() == channel::busy) return;
    const std::uint64_t left = segment_.arena_end() - end_of_used_;
    // Only where addresses are limited is there so little behind what is being emptied.
    const auto until = std::chrono::steady_clock::now() + patience_with_the_zygote;
    while (rest.load() == channel::emptying && left < end_of_used_ - segment_.arena_begin()) {
        if (std::chrono::steady_clock::now() > until) break;
        std::this_thread::yield();
    }
    std::uint64_t seen = rest.load();
    while (seen != channel::busy && seen != channel::emptying && !rest.compare_exchange_weak(seen, channel::busy)) {
    }
    if (seen == channel::emptied) begin_at(segment_.arena_begin());
    // What lies behind it is nobody's meanwhile.
    if (seen == channel::emptying) begin_at(end_of_used_);
}

void Arena::rest() {
    channel::Header& header = segment_.header();
    const std::uint64_t size = end_of_used_ - segment_.arena_begin();
    if (size < worth_giving_back || header.rest.load() == channel::emptying) return;
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    header.rest_size.store(std::max(header.rest_size.load(), size));
    header.rest.store(static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count()));
    if (header.rest_told.exchange(1) == 0) at_rest_();
}

}  // namespace haid::pool
