// A command line with replacement strings, compiled once and filled in for each job.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "command/arguments.hpp"
#include "command/quote.hpp"

namespace haid::command {

// The replacement strings without a position. One that begins with a brace takes a number after it: {2.}, {0#}; a
// column's name is followed by one of the five transforms.
struct ReplacementStrings {
    std::string value = "{}";
    std::string no_extension = "{.}";
    std::string base = "{/}";
    std::string folder = "{//}";
    std::string base_no_extension = "{/.}";
    std::string sequence = "{#}";
    std::string slot = "{%}";
};

enum class Transform { none, no_extension, base, folder, base_no_extension };
// "dir/a.txt" -> itself, "dir/a", "a.txt", "dir", "a".
std::string transform(std::string_view value, Transform how);

struct TemplateSettings {
    ReplacementStrings strings;
    std::vector<std::string> names;  // of the columns, for {name}
    bool quote_words = false;        // -q: every word reaches the command as it stands
    bool repeat_context = false;     // -X: the word around a replacement string is repeated for each value
    bool scripts = false;            // {script}, {script/.} … stand for the script that is run
    QuoteStyle style = QuoteStyle::bourne;
};

class Template {
  public:
    // A command given as words, which are joined by spaces. Where no replacement string is in it, {} is added at its
    // end. No words at all: the value is the command line. Where the command itself (up to the first white space or
    // `=`) holds a replacement string, nothing is quoted: the input is shell code then.
    // As the others, throws std::invalid_argument for GNU parallel's Perl code, {= … =}.
    static Template command(const std::vector<std::string>& words, const TemplateSettings& settings);

    // A text that is no command, such as a tag or a path: values go in as they are.
    static Template text(const std::string& text, const TemplateSettings& settings);

    std::string fill(const Arguments& arguments, std::uint64_t sequence, std::uint64_t slot) const;
    // No less than what one more value adds to the length of the result.
    std::size_t most_growth(const std::string& value) const;
    bool has_replacements() const { return has_replacements_; }
    // What stands before the first replacement string.
    std::string leading() const;
    // Different slots give different results: it can only be filled once the slot is known.
    bool uses_slot() const { return uses(Kind::slot); }

    enum class Kind { literal, value, sequence, slot, script, word_end, blank };
    bool uses(Kind kind) const;

  private:
    struct Piece {
        using Kind = Template::Kind;
        Kind kind;
        std::string literal;  // blank: a space within a word
        Transform how = Transform::none;
        int position = 0;  // 0: all values; negative: from the end
    };

    void add_words(const std::vector<std::string>& words, const TemplateSettings& settings);
    void add_text(std::string_view text, const TemplateSettings& settings);
    bool command_is_replaced() const;
    void measure();
    std::string filled(const Piece& piece, const Arguments& arguments, const std::string* current,
                       std::uint64_t sequence, std::uint64_t slot) const;
    void fill_context(std::vector<Piece>& out, const Arguments& arguments, std::uint64_t sequence,
                      std::uint64_t slot) const;
    void fill_plain(std::vector<Piece>& out, const Arguments& arguments, std::uint64_t sequence,
                    std::uint64_t slot) const;

    std::vector<Piece> pieces_;
    bool quote_values_ = false;
    bool quote_words_ = false;
    bool repeat_context_ = false;
    bool has_replacements_ = false;
    static constexpr std::size_t unknown_growth = std::size_t{1} << 40;
    std::size_t value_pieces_ = 0;    // that one more value makes longer
    std::size_t repeated_bytes_ = 0;  // of the words around them
    QuoteStyle style_ = QuoteStyle::bourne;
};

}  // namespace haid::command
