// What options there are. A new option is a row here and whatever carries it out.
#pragma once

#include <span>
#include <string>

#include "options.hpp"

namespace haid::cli {

enum class Takes { nothing, value, maybe_value };  // maybe: only attached, as in --name=value or -nvalue

struct Option {
    const char* group;  // heading in the help
    char letter;        // 0: none
    const char* names;  // "jobs|max-procs": the first is the one to show; "": none
    Takes takes;
    const char* value_name;
    const char* help;  // nullptr: an alias or a leftover, not shown
    void (*apply)(CommandLine& line, const std::string& value);
};

std::span<const Option> option_table();

// Options that GNU parallel has and haid does not, by their names: an error that says so is better than "unknown".
std::span<const char* const> options_to_come();

}  // namespace haid::cli
