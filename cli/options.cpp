#include "options.hpp"

#include <fmt/format.h>
#include <getopt.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>

#include "option_table.hpp"
#include "system/descriptor.hpp"

namespace haid::cli {
namespace {

// Values of getopt's `val`: rows of the table from here on, then options that are still to come.
constexpr int first_row = 1000;
constexpr int first_to_come = 10000;

std::vector<std::string_view> split_names(std::string_view names) {
    std::vector<std::string_view> result;
    while (!names.empty()) {
        std::size_t bar = std::min(names.find('|'), names.size());
        result.push_back(names.substr(0, bar));
        names.remove_prefix(std::min(bar + 1, names.size()));
    }
    return result;
}

// getopt_long's two descriptions of the table.
struct Grammar {
    std::string letters = "+:";  // "+": options end at the first word that is none; ":": a missing value is told apart
    std::vector<std::string> names;
    std::vector<option> options;

    Grammar() {
        auto rows = option_table();
        names.reserve(1000);
        for (std::size_t row = 0; row < rows.size(); ++row) {
            int argument = rows[row].takes == Takes::nothing ? no_argument
                           : rows[row].takes == Takes::value ? required_argument
                                                             : optional_argument;
            if (rows[row].letter != 0) {
                letters += rows[row].letter;
                letters.append(static_cast<std::size_t>(argument), ':');
            }
            for (std::string_view name : split_names(rows[row].names))
                add(name, argument, first_row + static_cast<int>(row));
        }
        int next = first_to_come;
        for (const char* name : options_to_come()) add(name, optional_argument, next++);
        options.push_back({nullptr, 0, nullptr, 0});
    }

  private:
    void add(std::string_view name, int argument, int value) {
        names.emplace_back(name);
        options.push_back({names.back().c_str(), argument, nullptr, value});
    }
};

const Option* row_of_letter(int letter) {
    for (const Option& row : option_table()) {
        if (row.letter != 0 && row.letter == letter) return &row;
    }
    return nullptr;
}

std::string shown_name(const Option& row) {
    std::string_view first = std::string_view(row.names).substr(0, std::string_view(row.names).find('|'));
    return first.empty() ? fmt::format("-{}", row.letter) : fmt::format("--{}", first);
}

void apply(const Option& row, CommandLine& line, const char* value) {
    try {
        row.apply(line, value != nullptr ? value : "");
    } catch (const std::invalid_argument& error) {
        throw UsageError(fmt::format("{} {}: {}", shown_name(row), value != nullptr ? value : "", error.what()));
    }
}

// Words as a shell would split them: quotes and backslashes.
std::vector<std::string> shell_words(std::string_view text, const char* where) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (std::strchr(" \t\n", c) != nullptr) {
            if (in_word) words.push_back(std::exchange(word, {}));
            in_word = false;
            continue;
        }
        in_word = true;
        if (c == '\'' || c == '"') {
            std::size_t close = text.find(c, i + 1);
            if (close == std::string_view::npos) throw UsageError(fmt::format("a quote is not closed in {}", where));
            word.append(text.substr(i + 1, close - i - 1));
            i = close;
        } else if (c == '\\' && i + 1 < text.size()) {
            word += text[++i];
        } else {
            word += c;
        }
    }
    if (in_word) words.push_back(word);
    return words;
}

// --Keep-Order is --keep-order.
void lower_long_name(char* word) {
    if (std::strncmp(word, "--", 2) != 0) return;
    for (; *word != '\0' && *word != '='; ++word)
        *word = static_cast<char>(std::tolower(static_cast<unsigned char>(*word)));
}

std::vector<std::string> parse_words(const std::vector<std::string>& words, CommandLine& line, const Personality& who) {
    static const Grammar grammar;
    std::vector<char*> arguments;
    std::string name = who.name;
    arguments.push_back(name.data());
    std::vector<std::string> copies = words;
    for (std::string& word : copies) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int count = static_cast<int>(arguments.size()) - 1;
    optind = 0;  // glibc: start anew
    opterr = 0;
    auto hint = [&] { return fmt::format("see {} --help", who.name); };
    for (;;) {
        int at = optind == 0 ? 1 : optind;
        if (at < count) lower_long_name(arguments[static_cast<std::size_t>(at)]);
        int found = ::getopt_long(count, arguments.data(), grammar.letters.c_str(), grammar.options.data(), nullptr);
        if (found == -1) break;
        std::string word = at < count ? arguments[static_cast<std::size_t>(at)] : "";
        if (found == ':') throw UsageError(fmt::format("the option {} needs a value; {}", word, hint()));
        if (found == '?') {
            if (optopt != 0 && optopt < first_row) {
                if (std::strchr("SpJoDMW", optopt) != nullptr) {
                    throw UsageError(fmt::format("-{} is an option of GNU parallel that haid does not have yet",
                                                 static_cast<char>(optopt)));
                }
                throw UsageError(fmt::format("there is no option -{}; {}", static_cast<char>(optopt), hint()));
            }
            bool takes_none = optopt >= first_row;
            throw UsageError(takes_none
                                 ? fmt::format("the option {} takes no value; {}", word, hint())
                                 : fmt::format("there is no option {}, or it is short for several; {}", word, hint()));
        }
        if (found >= first_to_come) {
            throw UsageError(fmt::format("--{} is an option of GNU parallel that haid does not have yet",
                                         options_to_come()[static_cast<std::size_t>(found - first_to_come)]));
        }
        const Option* row =
            found >= first_row ? &option_table()[static_cast<std::size_t>(found - first_row)] : row_of_letter(found);
        apply(*row, line, optarg);
    }
    return {words.begin() + (optind - 1), words.end()};
}

// ~/.parallel/config and $PARALLEL hold options that come before those of the command line.
void parse_defaults(CommandLine& line, const Personality& who) {
    auto read = [&](const std::string& text, const std::string& where) {
        std::vector<std::string> rest = parse_words(shell_words(text, where.c_str()), line, who);
        if (!rest.empty()) throw UsageError(fmt::format("'{}' in {} is no option", rest.front(), where));
    };
    const char* home = std::getenv("PARALLEL_HOME");
    std::string folder = home != nullptr ? home : "";
    const char* user = std::getenv("HOME");
    if (folder.empty() && user != nullptr) folder = std::string(user) + "/.parallel";
    if (!folder.empty()) {
        std::string path = folder + "/config";
        std::istringstream lines(system::read_small_file(path));
        std::string text;
        for (std::string entry; std::getline(lines, entry);) {
            if (!entry.starts_with('#')) text += entry + "\n";
        }
        read(text, path);
    }
    if (const char* variable = std::getenv("PARALLEL")) read(variable, "the variable PARALLEL");
}

}  // namespace

Personality personality(const char* program_path) {
    std::string_view name = program_path != nullptr ? program_path : "haid";
    name = name.substr(name.rfind('/') + 1);
    Personality who;
    who.is_parallel = name == "parallel" || name == "sem";
    if (who.is_parallel) who.name = name;
    return who;
}

std::vector<std::string> parse_options(std::vector<std::string> words, CommandLine& line, const Personality& who) {
    if (std::find(words.begin(), words.end(), "--plain") == words.end()) parse_defaults(line, who);
    words = parse_words(words, line, who);
    line.job_inputs.settle(line.run);
    return words;
}

// As GNU parallel counts them: -N, else -n, else the lines of -l or -L; no number of lines is no number.
void JobInputs::settle(command::RunSettings& run) const {
    std::optional<std::uint64_t> most = inputs;
    for (const auto& read : {lines_apart, lines}) {
        if (read && most.value_or(0) == 0) most = read;
    }
    if (replaced) most = replaced;
    const bool fills = fill || fill_context || fill_unspread;
    run.batch.records = most.value_or(0) > 0 ? *most : fills ? 0 : 1;
    run.batch.without_values = most == 0;
    run.spread_last = fill || fill_context;
    run.strings.repeat_context = fill_context || replaced || (lines && !fill && !fill_unspread);
    run.input.rules.join_continued = lines.value_or(lines_apart.value_or(0)) > 0;
}

void take_sources(std::vector<std::string>& words, CommandLine& line) {
    struct Separator {
        bool is_file;
        bool linked;
    };
    auto separator = [&](const std::string& word) -> std::optional<Separator> {
        if (word == line.argument_separator) return Separator{false, false};
        if (word == line.argument_separator + "+") return Separator{false, true};
        if (word == line.file_separator) return Separator{true, false};
        if (word == line.file_separator + "+") return Separator{true, true};
        return std::nullopt;
    };
    std::vector<std::string> command;
    std::optional<Separator> open;
    auto& sources = line.run.input.sources;
    auto linked = [&] { return open->linked && !sources.empty(); };  // the first one has nothing to be linked to
    for (std::string& word : words) {
        if (auto next = separator(word)) {
            open = next;
            if (!next->is_file) sources.push_back({false, linked(), {}, {}});
        } else if (!open) {
            command.push_back(std::move(word));
        } else if (open->is_file) {
            sources.push_back({true, linked(), {}, std::move(word)});
        } else {
            sources.back().values.push_back(std::move(word));
        }
    }
    words = std::move(command);
}

std::string options_help() {
    std::string text;
    const char* group = "";
    for (const Option& row : option_table()) {
        if (row.help == nullptr) continue;
        if (std::strcmp(group, row.group) != 0) text += fmt::format("\n{}:\n", group = row.group);
        std::string_view first = std::string_view(row.names).substr(0, std::string_view(row.names).find('|'));
        std::string left = row.letter != 0 ? fmt::format("-{}{}", row.letter, first.empty() ? "" : ", ") : "    ";
        if (!first.empty()) left += fmt::format("--{}", first);
        if (row.takes != Takes::nothing) left += fmt::format(" {}", row.value_name);
        text += fmt::format("  {:<28} {}\n", left, row.help);
    }
    return text;
}

}  // namespace haid::cli
