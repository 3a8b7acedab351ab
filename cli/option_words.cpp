#include "option_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "options.hpp"

namespace haid::cli {
namespace {

template <class Use>
void for_each_name(std::string_view names, Use use) {
    while (!names.empty()) {
        const std::size_t bar = std::min(names.find('|'), names.size());
        use(names.substr(0, bar));
        names.remove_prefix(std::min(bar + 1, names.size()));
    }
}

template <class Use>
void for_each_option(Use use) {
    for (const auto options : {option_table(), options_to_come()}) {
        for (const Option& option : options) use(option);
    }
}

// Letters are names too: --j 2 is -j 2, as Perl has it.
bool is_called(const Option& option, std::string_view name, bool shortened) {
    bool found = option.letter != 0 && name == std::string_view(&option.letter, 1);
    for_each_name(option.names, [&](std::string_view known) {
        found = found || (shortened ? known.starts_with(name) : known == name);
    });
    return found;
}

struct Found {
    std::vector<const Option*> parallels;  // of GNU parallel
    std::vector<const Option*> own;
};

Found find_name(std::string_view name, bool shortened) {
    Found found;
    for_each_option([&](const Option& option) {
        if (is_called(option, name, shortened)) (option.own ? found.own : found.parallels).push_back(&option);
    });
    return found;
}

const Option* find_letter(char letter) {
    const Option* found = nullptr;
    for_each_option([&](const Option& option) {
        if (option.letter == letter) found = &option;
    });
    return found;
}

// Bytes at the start of a text that are a number.
std::size_t number_length(std::string_view text) {
    std::size_t at = text.starts_with('+') ? 1 : 0;
    const std::size_t begin = at;
    auto digits = [&] {
        while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) ++at;
    };
    digits();
    if (at == begin) return 0;
    if (at < text.size() && text[at] == '.') {
        ++at;
        digits();
    }
    return at;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

}  // namespace

std::string shown_name(const Option& option) {
    const std::string_view names = option.names;
    return names.empty() ? fmt::format("-{}", option.letter) : fmt::format("--{}", names.substr(0, names.find('|')));
}

std::optional<OptionWords::Given> OptionWords::next() {
    if (!bundle_.empty()) return letter();
    if (at_ == words_.size()) return std::nullopt;
    const std::string& word = words_[at_];
    if (word.size() < 2 || word[0] != '-') return std::nullopt;
    ++at_;
    if (word == "--") return std::nullopt;
    if (word[1] == '-') return long_option(word);
    bundle_ = word.substr(1);
    return letter();
}

OptionWords::Given OptionWords::long_option(std::string_view word) {
    const std::size_t equals = std::min(word.find('=', 3), word.size());
    const std::string name = lower(word.substr(2, equals - 2));
    const bool attached = equals < word.size();
    Found found = find_name(name, false);
    // What GNU parallel understands is not to become two because haid has more options.
    if (found.parallels.empty() && found.own.empty()) found = find_name(name, true);
    const auto& options = found.parallels.empty() ? found.own : found.parallels;
    if (options.empty()) throw UsageError(fmt::format("there is no option {}; {}", word.substr(0, equals), hint_));
    if (options.size() > 1) {
        std::string names;
        for (const Option* option : options) names += " " + shown_name(*option);
        throw UsageError(fmt::format("--{} is short for several options:{}", name, names));
    }
    const Option& option = *options.front();
    if (option.takes == Takes::nothing) {
        if (attached) throw UsageError(fmt::format("the option {} takes no value; {}", shown_name(option), hint_));
        return {&option, std::nullopt};
    }
    if (!attached) return {&option, option.takes == Takes::value ? value_of(option) : value_if_any(option)};
    std::string value(word.substr(equals + 1));
    if (value.empty() && option.takes == Takes::value) {
        throw UsageError(fmt::format("the option {} needs a value (an empty one is a word of its own, ''); {}",
                                     shown_name(option), hint_));
    }
    return {&option, value.empty() ? std::nullopt : std::optional(std::move(value))};
}

OptionWords::Given OptionWords::letter() {
    const char letter = bundle_.front();
    const Option* option = find_letter(letter);
    if (option == nullptr) throw UsageError(fmt::format("there is no option -{}; {}", letter, hint_));
    bundle_.erase(0, 1);
    if (option->takes == Takes::nothing) return {option, std::nullopt};
    if (bundle_.empty()) return {option, option->takes == Takes::value ? value_of(*option) : value_if_any(*option)};
    // -l2k is -l 2 -k.
    const std::size_t size = option->takes == Takes::number_if_any ? number_length(bundle_) : bundle_.size();
    std::string value = bundle_.substr(0, size);
    bundle_.erase(0, size);
    return {option, size == 0 ? std::nullopt : std::optional(std::move(value))};
}

std::string OptionWords::value_of(const Option& option) {
    if (at_ == words_.size()) {
        throw UsageError(fmt::format("the option {} needs a value; {}", shown_name(option), hint_));
    }
    const std::string& word = words_[at_];
    if (is_separator_(word)) {
        const std::string name = shown_name(option);
        throw UsageError(fmt::format("the option {} needs a value, and '{}' begins the inputs (if it is meant: {}{}{})",
                                     name, word, name, name.starts_with("--") ? "=" : "", word));
    }
    ++at_;
    return word;
}

// Where the next word cannot be one, there is none.
std::optional<std::string> OptionWords::value_if_any(const Option& option) {
    if (at_ == words_.size()) return std::nullopt;
    const std::string& word = words_[at_];
    if (word.empty() && option.takes == Takes::number_if_any) {
        throw UsageError(fmt::format("the option {} takes a number, and '' is none; {}", shown_name(option), hint_));
    }
    const bool is_option = word.size() > 1 && word.starts_with('-');
    const bool is_value = option.takes == Takes::text_if_any || number_length(word) == word.size();
    if (is_option || !is_value || is_separator_(word)) return std::nullopt;
    ++at_;
    return word;
}

}  // namespace haid::cli
