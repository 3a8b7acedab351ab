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
    std::vector<std::uint64_t>& free = free_[static_cast<std::size_t>(kind)];
    std::uint64_t block = end_of_used_;
    std::uint64_t block_size = std::uint64_t{1} << kind;
    if (!free.empty()) {
        block = free.back();
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
    if (block_size > keep_memory_of) segment_.discard(block, block_size);
    free_[static_cast<std::size_t>(kind)].push_back(block);
    in_use_ -= block_size;
}

}  // namespace haid::pool
