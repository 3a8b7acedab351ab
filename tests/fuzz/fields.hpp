// Inputs of targets that take texts: seeds that people can read and write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace haid::fuzz {

// All between the separators, empty ones too; at least one.
inline std::vector<std::string> fields(const std::uint8_t* data, std::size_t size, char separator) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    std::vector<std::string> result;
    for (std::size_t end; (end = rest.find(separator)) != std::string_view::npos; rest.remove_prefix(end + 1)) {
        result.emplace_back(rest.substr(0, end));
    }
    result.emplace_back(rest);
    return result;
}

// A property of the target does not hold: the input is kept.
inline void expect(bool holds) {
    if (!holds) __builtin_trap();
}

}  // namespace haid::fuzz
