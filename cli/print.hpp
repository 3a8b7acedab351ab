// What a verb answers, on standard output. (What jobs print takes another way: see command::Printer.)
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace haid::cli {

// Written at once: a disk that is full is an error, and not a word that nobody reads. Throws SystemError.
void print_text(std::string_view text);

template <class... Values>
void print(fmt::format_string<Values...> format, Values&&... values) {
    print_text(fmt::format(format, std::forward<Values>(values)...));
}

}  // namespace haid::cli
