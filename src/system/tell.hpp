// A word for a person, on standard error.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace haid::system {

// Where it cannot be written (a full disk, a limit of a file's length) nobody can be told, and nothing else fails for
// it: fmt::print would throw. A terminal or a pipe that takes nothing (Ctrl-S, a hung connection) is waited for 0.2 s
// at most: loops, and those who wait for them, go on without having been heard.
void tell_text(std::string_view text) noexcept;

template <class... Values>
void tell(fmt::format_string<Values...> format, Values&&... values) {
    tell_text(fmt::format(format, std::forward<Values>(values)...));
}

}  // namespace haid::system
