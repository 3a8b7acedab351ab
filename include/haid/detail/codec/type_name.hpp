// The name of a type, as the compiler writes it, at compile time: for messages.
#pragma once

#include <cstddef>
#include <string_view>

namespace haid::detail {

template <class T>
consteval std::string_view type_name() {
    // g++: "consteval … type_name() [with T = int; std::string_view = …]"; clang: "… type_name() [T = int]"
    std::string_view text = __PRETTY_FUNCTION__;
    text.remove_prefix(text.find("T = ") + 4);
#ifdef __clang__
    return text.substr(0, text.rfind(']'));
#else
    return text.substr(0, text.rfind("; std::string_view"));
#endif
}

}  // namespace haid::detail
