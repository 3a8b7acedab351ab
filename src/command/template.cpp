#include "command/template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

namespace haid::command {
namespace {

std::string_view without_extension(std::string_view value) {
    std::size_t dot = value.find_last_of("./");
    return dot != std::string_view::npos && value[dot] == '.' ? value.substr(0, dot) : value;
}

std::string_view base_of(std::string_view value) {
    std::size_t slash = value.rfind('/');
    return slash == std::string_view::npos ? value : value.substr(slash + 1);
}

// As dirname(1), but that "x/" is in "." only.
std::string_view folder_of(std::string_view value) {
    while (value.size() > 1 && value.ends_with('/')) value.remove_suffix(1);
    std::size_t slash = value.rfind('/');
    if (slash == std::string_view::npos) return ".";
    value = value.substr(0, slash);
    while (value.ends_with('/')) value.remove_suffix(1);
    return value.empty() ? "/" : value;
}

// What stands at the start of a text, if it is a replacement string.
struct Match {
    std::size_t length;
    Template::Kind kind;
    Transform how = Transform::none;
    int position = 0;
};

// The replacement strings with what each stands for.
std::array<std::pair<std::string_view, Match>, 7> known_strings(const ReplacementStrings& strings) {
    return {{{strings.base_no_extension, {0, Template::Kind::value, Transform::base_no_extension}},
             {strings.folder, {0, Template::Kind::value, Transform::folder}},
             {strings.no_extension, {0, Template::Kind::value, Transform::no_extension}},
             {strings.base, {0, Template::Kind::value, Transform::base}},
             {strings.value, {0, Template::Kind::value}},
             {strings.sequence, {0, Template::Kind::sequence}},
             {strings.slot, {0, Template::Kind::slot}}}};
}

// The longest one that stands at the start, for a user's own string may begin like another. `opened`: without its
// brace, which stands before the text.
std::optional<Match> match_string(std::string_view text, const ReplacementStrings& strings, bool opened) {
    std::optional<Match> longest;
    for (auto [string, match] : known_strings(strings)) {
        if (opened && !string.starts_with('{')) continue;
        if (opened) string.remove_prefix(1);
        if (!string.empty() && text.starts_with(string) && (!longest || string.size() > longest->length)) {
            longest = match;
            longest->length = string.size();
        }
    }
    return longest;
}

// {3}, {-1.}, {2 /}: a number in a replacement string that begins with a brace. {0.} is {.}, and {0#} is {#}.
std::optional<Match> match_number(std::string_view text, const ReplacementStrings& strings) {
    if (!text.starts_with('{')) return std::nullopt;
    int position = 0;
    auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), position);
    if (error != std::errc()) return std::nullopt;
    auto number = text.substr(1, static_cast<std::size_t>(end - text.data()) - 1);
    std::size_t after = text.find_first_not_of(" \t\n\r\f\v", 1 + number.size());
    if (after == std::string_view::npos) return std::nullopt;
    auto match = match_string(text.substr(after), strings, true);
    if (!match) return std::nullopt;
    match->length += after;
    if (match->kind != Template::Kind::value) return position == 0 ? match : std::nullopt;
    // As there: {00} and {-0} are no {0}, and the place of no value.
    constexpr int nowhere = std::numeric_limits<int>::max();
    match->position = position == 0 && number != "0" ? nowhere : position;
    return match;
}

// {name//}, {script/}.
std::optional<Match> match_name(std::string_view text, const TemplateSettings& settings) {
    const std::vector<std::string>& names = settings.names;
    if ((names.empty() && !settings.scripts) || !text.starts_with('{')) return std::nullopt;
    std::size_t close = text.find('}');
    if (close == std::string_view::npos) return std::nullopt;
    std::string_view inside = text.substr(1, close - 1);
    static constexpr std::pair<std::string_view, Transform> endings[] = {{"", Transform::none},
                                                                         {"/.", Transform::base_no_extension},
                                                                         {"//", Transform::folder},
                                                                         {".", Transform::no_extension},
                                                                         {"/", Transform::base}};
    for (const auto& [ending, how] : endings) {
        if (!inside.ends_with(ending)) continue;
        std::string_view which = inside.substr(0, inside.size() - ending.size());
        auto name = std::find(names.begin(), names.end(), which);
        if (!which.empty() && name != names.end()) {
            return Match{close + 1, Template::Kind::value, how, static_cast<int>(name - names.begin()) + 1};
        }
        if (settings.scripts && which == "script") return Match{close + 1, Template::Kind::script, how, 0};
    }
    return std::nullopt;
}

// Left where it is, Perl code would be the shell's, with all its backticks.
void refuse_perl(std::string_view text) {
    const std::size_t begin = text.find("{=");
    if (begin == std::string_view::npos) return;
    const std::size_t end = text.find("=}", begin + 2);
    if (end == std::string_view::npos) return;
    throw std::invalid_argument(
        fmt::format("'{}': Perl in a replacement string is of GNU parallel, and haid does not have it yet "
                    "(awk's or the shell's own {{= … =}}: put them into a script)",
                    text.substr(begin, end + 2 - begin)));
}

}  // namespace

std::string transform(std::string_view value, Transform how) {
    switch (how) {
        case Transform::none:
            break;
        case Transform::no_extension:
            return std::string(without_extension(value));
        case Transform::base:
            return std::string(base_of(value));
        case Transform::folder:
            return std::string(folder_of(value));
        case Transform::base_no_extension:
            return std::string(without_extension(base_of(value)));
    }
    return std::string(value);
}

Template Template::command(const std::vector<std::string>& words, const TemplateSettings& settings) {
    Template result;
    refuse_perl(fmt::format("{}", fmt::join(words, " ")));
    result.add_words(words, settings);
    if (!result.has_replacements_) {
        if (!words.empty()) result.pieces_.push_back({Piece::Kind::word_end, {}});
        result.pieces_.push_back({Piece::Kind::value, {}});
        result.has_replacements_ = true;
    }
    result.quote_words_ = settings.quote_words;
    result.quote_values_ = !settings.quote_words && !result.command_is_replaced();
    result.repeat_context_ = settings.repeat_context;
    result.style_ = settings.style;
    result.measure();
    return result;
}

Template Template::text(const std::string& text, const TemplateSettings& settings) {
    refuse_perl(text);
    Template result;
    result.add_text(text, settings);
    result.repeat_context_ = settings.repeat_context;
    return result;
}

void Template::add_words(const std::vector<std::string>& words, const TemplateSettings& settings) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) pieces_.push_back({Piece::Kind::word_end, {}});
        add_text(words[i], settings);
    }
}

void Template::add_text(std::string_view text, const TemplateSettings& settings) {
    auto literal = [&](char c) {
        if (c == ' ') {
            pieces_.push_back({Piece::Kind::blank, " "});
        } else if (pieces_.empty() || pieces_.back().kind != Piece::Kind::literal || c == '\t') {
            pieces_.push_back({Piece::Kind::literal, std::string(1, c)});
        } else {
            pieces_.back().literal += c;
        }
    };
    // An empty word is a word all the same; -q has to keep it.
    if (text.empty()) pieces_.push_back({Piece::Kind::literal, {}});
    while (!text.empty()) {
        auto match = match_string(text, settings.strings, false);
        // A column may be called 2: its name counts more than its place.
        if (!match) match = match_name(text, settings);
        if (!match) match = match_number(text, settings.strings);
        if (!match) {
            literal(text.front());
            text.remove_prefix(1);
            continue;
        }
        pieces_.push_back({match->kind, {}, match->how, match->position});
        has_replacements_ = true;
        text.remove_prefix(match->length);
    }
}

std::string Template::leading() const {
    std::string text;
    for (const Piece& piece : pieces_) {
        if (piece.kind != Piece::Kind::literal && piece.kind != Piece::Kind::blank) break;
        text += piece.literal;
    }
    return text;
}

bool Template::uses(Kind kind) const {
    return std::any_of(pieces_.begin(), pieces_.end(), [&](const Piece& piece) { return piece.kind == kind; });
}

bool Template::command_is_replaced() const {
    for (const Piece& piece : pieces_) {
        if (piece.kind == Piece::Kind::word_end || piece.kind == Piece::Kind::blank) return false;
        if (piece.kind != Piece::Kind::literal) return true;
        if (piece.literal.find_first_of("=\t\n") != std::string::npos) return false;
    }
    return false;
}

std::size_t Template::most_growth(const std::string& value) const {
    // A transform shortens, but for a folder, which may become "."; a word of -q is quoted as a whole, at five bytes
    // for one in the worst case.
    std::size_t length = value.size();
    if (quote_words_) length = 5 * value.size() + 2;
    if (quote_values_) length = quote(value, style_).size();
    return value_pieces_ * (length + 2) + repeated_bytes_;
}

void Template::measure() {
    bool group_repeats = false;
    std::size_t group_bytes = 0;
    auto end_group = [&] {
        if (group_repeats && repeat_context_) repeated_bytes_ += (quote_words_ ? 5 : 1) * group_bytes;
        group_repeats = false;
        group_bytes = 0;
    };
    constexpr std::size_t longest_number = 20;
    for (const Piece& piece : pieces_) {
        if (piece.kind == Piece::Kind::word_end || piece.kind == Piece::Kind::blank) {
            end_group();
        } else if (piece.kind == Piece::Kind::value && piece.position == 0) {
            ++value_pieces_;
            group_repeats = true;
        } else if (piece.kind == Piece::Kind::value || piece.kind == Piece::Kind::script) {
            // Its word may be repeated, with a text of any length in it.
            repeated_bytes_ += unknown_growth;
        } else {
            group_bytes += piece.kind == Piece::Kind::literal ? piece.literal.size() : longest_number;
        }
    }
    end_group();
}

std::string Template::filled(const Piece& piece, const Arguments& arguments, const std::string* current,
                             std::uint64_t sequence, std::uint64_t slot) const {
    auto shown = [&](const std::string& value) {
        std::string changed = transform(value, piece.how);
        return quote_values_ ? quote(changed, style_) : changed;
    };
    switch (piece.kind) {
        case Piece::Kind::literal:
        case Piece::Kind::blank:
            return piece.literal;
        case Piece::Kind::word_end:
            return " ";
        case Piece::Kind::sequence:
            return std::to_string(sequence);
        case Piece::Kind::slot:
            return std::to_string(slot);
        case Piece::Kind::script:
            return shown(arguments.script);
        case Piece::Kind::value:
            break;
    }
    if (piece.position == 0) return current != nullptr ? shown(*current) : std::string();
    auto count = static_cast<std::int64_t>(arguments.values.size());
    std::int64_t index = piece.position > 0 ? piece.position - 1 : count + piece.position;
    return index >= 0 && index < count ? shown(arguments.values[static_cast<std::size_t>(index)]) : std::string();
}

void Template::fill_plain(std::vector<Piece>& out, const Arguments& arguments, std::uint64_t sequence,
                          std::uint64_t slot) const {
    for (const Piece& piece : pieces_) {
        if (piece.kind == Piece::Kind::word_end) {
            out.push_back(piece);
        } else if (piece.kind == Piece::Kind::value && piece.position == 0) {
            for (std::size_t i = 0; i < arguments.values.size(); ++i) {
                if (i > 0) out.push_back({Piece::Kind::word_end, {}});
                out.push_back({Piece::Kind::literal, filled(piece, arguments, &arguments.values[i], sequence, slot)});
            }
        } else {
            out.push_back({Piece::Kind::literal, filled(piece, arguments, nullptr, sequence, slot)});
        }
    }
}

void Template::fill_context(std::vector<Piece>& out, const Arguments& arguments, std::uint64_t sequence,
                            std::uint64_t slot) const {
    auto flush = [&](std::size_t from, std::size_t to) {
        auto is_value = [](const Piece& p) { return p.kind == Piece::Kind::value && p.position == 0; };
        bool repeated = std::any_of(pieces_.begin() + static_cast<std::ptrdiff_t>(from),
                                    pieces_.begin() + static_cast<std::ptrdiff_t>(to), is_value);
        // Without any value the word stays, and nothing stands for the value.
        std::size_t times = repeated ? std::max<std::size_t>(arguments.values.size(), 1) : 1;
        for (std::size_t time = 0; time < times; ++time) {
            if (time > 0) out.push_back({Piece::Kind::word_end, {}});
            const std::string* current = time < arguments.values.size() && repeated ? &arguments.values[time] : nullptr;
            for (std::size_t i = from; i < to; ++i) {
                if (current == nullptr && is_value(pieces_[i])) continue;
                out.push_back({Piece::Kind::literal, filled(pieces_[i], arguments, current, sequence, slot)});
            }
        }
    };
    std::size_t group = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
        const Piece& piece = pieces_[i];
        bool blank = piece.kind == Piece::Kind::word_end || piece.kind == Piece::Kind::blank;
        if (!blank && piece.literal != "\t") continue;
        flush(group, i);
        if (blank) out.push_back(piece);
        group = blank ? i + 1 : i;
    }
    flush(group, pieces_.size());
}

std::string Template::fill(const Arguments& arguments, std::uint64_t sequence, std::uint64_t slot) const {
    std::vector<Piece> filled_pieces;
    filled_pieces.reserve(pieces_.size());
    if (repeat_context_) {
        fill_context(filled_pieces, arguments, sequence, slot);
    } else {
        fill_plain(filled_pieces, arguments, sequence, slot);
    }
    std::string line;
    std::string word;
    bool has_word = false;  // an empty word is kept, but no word where there was no value
    auto end_word = [&] {
        if (quote_words_ && has_word) line += quote(word, style_);
        if (!quote_words_) line += word;
        word.clear();
        has_word = false;
    };
    for (const Piece& piece : filled_pieces) {
        if (piece.kind != Piece::Kind::word_end) {
            word += piece.literal;
            has_word = true;
            continue;
        }
        if (!quote_words_ || has_word) {
            end_word();
            line += ' ';
        }
    }
    end_word();
    if (quote_words_ && line.ends_with(' ') && !filled_pieces.empty() &&
        filled_pieces.back().kind == Piece::Kind::word_end) {
        line.pop_back();
    }
    return line;
}

}  // namespace haid::command
