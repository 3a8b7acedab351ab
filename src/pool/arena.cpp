#include "pool/arena.hpp"

#include <bit>

namespace haid::pool {

int Arena::kind_of(std::size_t size) {
    int kind = size <= 1 ? 0 : static_cast<int>(std::bit_width(size - 1));
    return kind < smallest ? smallest : kind;
}

std::optional<std::uint64_t> Arena::allocate(std::size_t size) {
    int kind = kind_of(size);
    if (kind > largest) return std::nullopt;
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
}

}  // namespace haid::pool
