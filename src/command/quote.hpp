// Making a string one word for a shell, so that the command sees the very same bytes.
#pragma once

#include <string>
#include <string_view>

namespace haid::command {

enum class QuoteStyle { bourne, csh, rc };

// bourne: nothing but [A-Za-z0-9-_.+/] stays as it is; anything else is put in single quotes (as GNU parallel does it).
// Any bytes but NUL are kept, valid UTF-8 or not. An empty string becomes ''.
std::string quote(std::string_view text, QuoteStyle style = QuoteStyle::bourne);

}  // namespace haid::command
