// A text as a number, where what is compared is too much to be kept.
#pragma once

#include <cstdint>
#include <string_view>

namespace haid::command {

// FNV-1a, 64 bits.
inline std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (unsigned char c : text) hash = (hash ^ c) * 1099511628211ULL;
    return hash;
}

}  // namespace haid::command
