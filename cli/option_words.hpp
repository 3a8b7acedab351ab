// Options among the words of a command line, as GNU parallel reads them: long names may be shortened where they stay
// unique, in any case; letters may be bundled; a value is attached or the next word.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "option_table.hpp"

namespace haid::cli {

// "--jobs", "-X": how an option is called in messages.
std::string shown_name(const Option& option);

class OptionWords {
  public:
    // `is_separator`: whether a word is `:::` or one of its kin at this moment; `hint`: "see haid --help".
    OptionWords(std::vector<std::string> words, std::function<bool(const std::string&)> is_separator, std::string hint)
        : words_(std::move(words)), is_separator_(std::move(is_separator)), hint_(std::move(hint)) {}

    struct Given {
        const Option* option;
        std::optional<std::string> value;
    };
    // The next option; nullopt at the first word that is none, or behind "--". Throws UsageError.
    std::optional<Given> next();
    // The words that are no options.
    std::vector<std::string> rest() const { return {words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end()}; }

  private:
    Given long_option(std::string_view word);
    Given letter();
    std::string value_of(const Option& option);
    std::optional<std::string> value_if_any(const Option& option);

    std::vector<std::string> words_;
    std::function<bool(const std::string&)> is_separator_;
    std::string hint_;
    std::size_t at_ = 0;
    std::string bundle_;  // letters of the last word that are still to be read
};

}  // namespace haid::cli
