// What options there are. A new option is a row here and whatever carries it out.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "options.hpp"

namespace haid::cli {

// if_any: attached, as in --name=value or -nvalue, or the next word, where that is no option, no separator of inputs
// and, for a number, one.
enum class Takes { nothing, value, text_if_any, number_if_any };

struct Option {
    const char* group;  // heading in the help
    char letter;        // 0: none
    const char* names;  // "jobs|max-procs": the first is the one to show; "": none
    Takes takes;
    const char* value_name = "";
    const char* help = nullptr;  // nullptr: an alias or a leftover, not shown
    void (*apply)(CommandLine& line, const std::string& value) = nullptr;
    bool own = false;  // GNU parallel does not have it, and what is short for one of its options is not for this one
};

std::span<const Option> option_table();

// Throws std::invalid_argument.
std::uint64_t seed_of(const std::string& text);

// Options that GNU parallel has and haid does not: an error that says so is better than "unknown". They have no
// `apply`.
std::span<const Option> options_to_come();

}  // namespace haid::cli
