// Which shell runs a command line, and whether it needs one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command/quote.hpp"

namespace haid::command {

struct Shell {
    std::string path;
    QuoteStyle style = QuoteStyle::bourne;
    // Whether leaving it out is known to make no difference: a POSIX shell that reads no file and no variable first.
    bool may_be_left_out = false;
    // $PARALLEL_ENV: what the shell reads before each command line, such as functions. It is no part of the line.
    std::string prologue;

    // What it is given after -c.
    std::string text_of(const std::string& line) const;
};

// $PARALLEL_SHELL; else the shell that started this program, directly or not; else $SHELL; else /bin/sh (GNU parallel's
// order). Throws SystemError where $PARALLEL_ENV names a file that cannot be read, std::invalid_argument where what it
// holds leaves no room for a command.
Shell choose_shell();

// The words of a command line that a shell would only split and execute, or nullopt where it might do more. The rule is
// GNU make's: no character that means something to a shell, and a first word that is neither a builtin, a keyword, an
// assignment nor an exported function. Quotes are understood.
std::optional<std::vector<std::string>> split_simple_command(std::string_view line);

}  // namespace haid::command
