// A word for a person, on standard error.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace haid::system {

// Where it cannot be written (a full disk, a limit of a file's length) nobody can be told, and nothing else fails for
// it: fmt::print would throw. Blocks as long as the reader takes nothing: not for a loop that others wait for.
template <class... Values>
void tell(fmt::format_string<Values...> format, Values&&... values) {
    const std::string text = fmt::format(format, std::forward<Values>(values)...);
    [[maybe_unused]] const std::size_t written = std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace haid::system
