// What the files of /proc and /sys and the variables of Slurm are written in: lines, numbers, lists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace haid::system {

// The text of a small file without the white space at its end; none where it cannot be read.
std::optional<std::string> read_text(const std::string& path);

// Digits only, nothing before or after them; none also where the number does not fit.
std::optional<std::uint64_t> parse_whole_number(std::string_view text);

// The parts between separators, also empty ones; at least one.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace haid::system
