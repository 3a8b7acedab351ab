// Any words become a command line from any values, of no more bytes than promised; what is quoted is the same again
// for a shell.
//
// Fields between form feeds: flags (q: -q, X: -X, t: a text, c and r: quotes of csh and rc), own replacement string
// (empty: {}), a column's name, words up to an empty one, values.
#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "command/template.hpp"
#include "fields.hpp"

namespace {

using namespace haid;
using fuzz::expect;

// As a POSIX shell reads one word (2.2), of what quote() writes.
std::string as_a_shell_reads(const std::string& quoted) {
    std::string word;
    for (std::size_t at = 0; at < quoted.size(); ++at) {
        const char c = quoted[at];
        if (c != '\'' && c != '"') {
            expect(c != ' ' && c != '\n' && c != '\\' && c != '$' && c != '`');
            word += c;
            continue;
        }
        const std::size_t close = quoted.find(c, at + 1);
        expect(close != std::string::npos);
        const std::string inside = quoted.substr(at + 1, close - at - 1);
        expect(c == '\'' || inside.find_first_of("$`\\") == std::string::npos);
        word += inside;
        at = close;
    }
    return word;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> parts = fuzz::fields(data, size, '\f');
    parts.resize(std::max<std::size_t>(parts.size(), 3));
    const auto has = [&](char flag) { return parts[0].find(flag) != std::string::npos; };
    command::TemplateSettings settings;
    settings.quote_words = has('q');
    settings.repeat_context = has('X');
    settings.style = has('c')   ? command::QuoteStyle::csh
                     : has('r') ? command::QuoteStyle::rc
                                : command::QuoteStyle::bourne;
    if (!parts[1].empty()) settings.strings.value = parts[1];
    settings.names = {parts[2]};
    const auto words_end = std::find(parts.begin() + 3, parts.end(), std::string());
    const std::vector<std::string> words(parts.begin() + 3, words_end);
    command::Arguments arguments;
    const bool text = has('t');
    std::optional<command::Template> made;
    try {
        made = text ? command::Template::text(words.empty() ? "" : words[0], settings)
                    : command::Template::command(words, settings);
    } catch (const std::invalid_argument&) {
        return 0;  // Perl
    }
    const command::Template& filled = *made;
    // Each value more makes the line longer by no more than was said: -m and -X go by that.
    std::size_t before = filled.fill(arguments, 1, 1).size();
    for (auto value = words_end; value != parts.end(); ++value) {
        arguments.append({*value});
        const std::size_t now = filled.fill(arguments, 1, 1).size();
        if (!text) expect(now <= before + filled.most_growth(*value));
        before = now;
        expect(as_a_shell_reads(command::quote(*value)) == *value);
    }
    return 0;
}
