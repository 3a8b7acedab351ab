// Large parts of values, one behind another in an area: arrays want their memory aligned.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "haid/error.hpp"

namespace haid::python {

// What vector instructions want; less where the area's own beginning is less aligned.
constexpr std::size_t part_alignment = 64;

constexpr std::size_t aligned(std::size_t size) {
    return (size + part_alignment - 1) / part_alignment * part_alignment;
}

// Takes the next one. Throws DecodeError.
inline std::span<const std::byte> next_part(std::span<const std::byte>& area, std::size_t size) {
    if (size > area.size()) throw DecodeError("haid: a part of a value is missing");
    std::span<const std::byte> part = area.first(size);
    area = area.subspan(std::min(aligned(size), area.size()));
    return part;
}

}  // namespace haid::python
