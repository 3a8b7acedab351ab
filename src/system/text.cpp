#include "system/text.hpp"

#include <charconv>

#include "system/descriptor.hpp"

namespace haid::system {

std::optional<std::string> read_text(const std::string& path) {
    auto text = try_to_read(path);
    if (text) text->resize(text->find_last_not_of(" \t\n") + 1);
    return text;
}

std::optional<std::uint64_t> parse_whole_number(std::string_view text) {
    std::uint64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return {};
    return number;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == text.npos) return parts;
        text.remove_prefix(end + 1);
    }
}

}  // namespace haid::system
