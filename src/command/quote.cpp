#include "command/quote.hpp"

#include <algorithm>

namespace haid::command {
namespace {

bool plain(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '+' || c == '/';
}

// POSIX shell, 2.2.2: within single quotes nothing is special, so a single quote itself has to stand outside of them.
std::string quote_bourne(std::string_view text) {
    std::string quoted = "'";
    for (char c : text) c == '\'' ? quoted.append("'\"'\"'") : quoted.append(1, c);
    quoted += '\'';
    if (quoted.starts_with("''")) quoted.erase(0, 2);
    if (quoted.ends_with("''")) quoted.erase(quoted.size() - 2);
    return quoted;
}

// csh(1): a backslash takes the meaning of the next character away, but for a newline, which needs quotes around it.
std::string quote_csh(std::string_view text) {
    std::string quoted;
    for (char c : text) {
        if (c == '\n') {
            quoted += "\"\\\n\"";
        } else {
            if (!plain(static_cast<unsigned char>(c))) quoted += '\\';
            quoted += c;
        }
    }
    return quoted;
}

// rc(1): single quotes; a single quote inside is doubled.
std::string quote_rc(std::string_view text) {
    std::string quoted = "'";
    for (char c : text) quoted.append(c == '\'' ? 2 : 1, c);
    return quoted + "'";
}

}  // namespace

std::string quote(std::string_view text, QuoteStyle style) {
    if (text.empty()) return "''";
    if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return plain(c); })) return std::string(text);
    switch (style) {
        case QuoteStyle::csh:
            return quote_csh(text);
        case QuoteStyle::rc:
            return quote_rc(text);
        case QuoteStyle::bourne:
            break;
    }
    return quote_bourne(text);
}

}  // namespace haid::command
