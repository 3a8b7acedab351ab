#include "options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>

#include "option_table.hpp"
#include "option_words.hpp"
#include "system/descriptor.hpp"
#include "system/tell.hpp"

namespace haid::cli {
namespace {

void apply(const Option& row, CommandLine& line, const char* value) {
    try {
        row.apply(line, value != nullptr ? value : "");
    } catch (const std::invalid_argument& error) {
        const std::string_view shown = value == nullptr ? "" : *value == '\0' ? "''" : value;
        throw UsageError(fmt::format("{} {}: {}", shown_name(row), shown, error.what()));
    }
}

// Words as a shell would split them: quotes and backslashes.
std::vector<std::string> shell_words(std::string_view text) {
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
            if (close == std::string_view::npos) throw UsageError("a quote is not closed");
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

struct Separator {
    bool is_file;
    bool linked;
};

std::optional<Separator> separator(const std::string& word, const CommandLine& line) {
    if (word == line.argument_separator) return Separator{false, false};
    if (word == line.argument_separator + "+") return Separator{false, true};
    if (word == line.file_separator) return Separator{true, false};
    if (word == line.file_separator + "+") return Separator{true, true};
    return std::nullopt;
}

// `to_come`: what is to be done about an option that haid does not have yet.
template <class ToCome>
std::vector<std::string> parse_words(std::vector<std::string> words, CommandLine& line, const Personality& who,
                                     ToCome to_come) {
    OptionWords options(
        std::move(words), [&](const std::string& word) { return separator(word, line).has_value(); },
        fmt::format("see {} --help", who.name));
    while (auto given = options.next()) {
        if (given->option->apply != nullptr) {
            apply(*given->option, line, given->value ? given->value->c_str() : nullptr);
        } else {
            to_come(
                fmt::format("{} is an option of GNU parallel that haid does not have yet", shown_name(*given->option)));
        }
    }
    return options.rest();
}

std::vector<std::string> parse_command_line(const std::vector<std::string>& words, CommandLine& line,
                                            const Personality& who) {
    return parse_words(words, line, who, [](const std::string& why) { throw UsageError(why); });
}

// Options that come before those of the command line, of a file or a variable. They are GNU parallel's: haid goes on
// without those that it does not have; under the name `parallel` somebody relies on them.
void parse_given_elsewhere(const std::string& text, const std::string& where, CommandLine& line,
                           const Personality& who) try {
    const std::vector<std::string> rest = parse_words(shell_words(text), line, who, [&](const std::string& why) {
        if (who.is_parallel) throw UsageError(why);
        system::tell("{}: {}: {}: it is left out\n", who.name, where, why);
    });
    if (!rest.empty()) throw UsageError(fmt::format("'{}' is no option", rest.front()));
} catch (const UsageError& error) {
    throw UsageError(fmt::format("in {} (which --plain leaves aside): {}", where, error.what()));
}

// ~/.parallel/config and $PARALLEL.
void parse_defaults(CommandLine& line, const Personality& who) {
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
        parse_given_elsewhere(text, path, line, who);
    }
    if (const char* variable = std::getenv("PARALLEL")) {
        parse_given_elsewhere(variable, "the variable PARALLEL", line, who);
    }
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

std::vector<std::string> parse_options(const std::vector<std::string>& words, CommandLine& line,
                                       const Personality& who) {
    CommandLine alone = line;
    std::vector<std::string> rest = parse_command_line(words, alone, who);
    // What only asks something has its answer whatever a configuration says.
    if (alone.plain || alone.only_asks()) {
        line = std::move(alone);
    } else {
        parse_defaults(line, who);
        rest = parse_command_line(words, line, who);
    }
    line.job_inputs.settle(line.run);
    return rest;
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
    std::vector<std::string> command;
    std::optional<Separator> open;
    auto& sources = line.run.input.sources;
    auto linked = [&] { return open->linked && !sources.empty(); };  // the first one has nothing to be linked to
    for (std::string& word : words) {
        if (auto next = separator(word, line)) {
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
