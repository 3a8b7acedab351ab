#include "cluster/submission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <stdexcept>

#include "command/quote.hpp"

namespace haid::cluster {
namespace {

constexpr std::string_view magic = "#SBATCH";

// A lost node must not end the others (haid runs its jobs elsewhere); a job that is requeued must not wipe what it
// wrote before.
constexpr std::array own_options = {"--job-name=haid", "--no-kill", "--open-mode=append"};

// sbatch splits the line at white space, ends it at a #, knows both quotes, and takes a backslash before any character.
std::string directive(const std::string& option) {
    if (option.find('\n') != std::string::npos) {
        throw std::invalid_argument(fmt::format("'{}': an option of Slurm's cannot hold a newline", option));
    }
    const bool plain = std::all_of(option.begin(), option.end(), [](unsigned char c) {
        return std::isspace(c) == 0 && std::string_view("\"'\\#").find(static_cast<char>(c)) == std::string_view::npos;
    });
    if (plain) return fmt::format("{} {}\n", magic, option);
    const std::size_t value = option.starts_with("--") ? option.find('=') + 1 : 0;
    std::string text = option.substr(0, value) + '"';
    for (char c : option.substr(value)) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return fmt::format("{} {}\"\n", magic, text);
}

bool is_long(const std::string& option) {
    return option.starts_with("--");
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

bool comment_or_blank(std::string_view line) {
    const std::size_t first = line.find_first_not_of(" \t\r\f\v");
    return first == std::string_view::npos || line[first] == '#';
}

// The line is quoted for Bourne shells.
void check_interpreter(std::string_view line) {
    for (std::size_t begin = 2; begin < line.size();) {
        const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
        const std::string_view word = line.substr(begin, end - begin);
        const std::string_view name = word.substr(word.rfind('/') + 1);
        for (const char* shell : {"sh", "bash", "dash", "ksh", "zsh"}) {
            if (name == shell) return;
        }
        begin = end + 1;
    }
    throw std::invalid_argument(fmt::format("its first line, '{}', names no Bourne shell (sh, bash, zsh …)", line));
}

// The next word of a #SBATCH line; nullopt at its end.
std::optional<std::string> take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\f\v"), text.size()));
    if (text.empty() || text.front() == '#') return std::nullopt;
    std::string word;
    char quote = '\0';
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '\\') {
            if (++at < text.size()) word += text[at];
        } else if (quote != '\0') {
            c == quote ? void(quote = '\0') : word.push_back(c);
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == '#') {
            break;
        } else {
            word += c;
        }
    }
    text.remove_prefix(std::min(at, text.size()));
    return word;
}

}  // namespace

std::vector<std::string> attach_values(const std::vector<std::string>& words) {
    std::vector<std::string> options;
    bool may_take_value = false;
    for (const std::string& word : words) {
        if (word.size() > 1 && word.front() == '-') {
            options.push_back(word);
            may_take_value = is_long(word) ? word.find('=') == std::string::npos : word.size() == 2;
            continue;
        }
        if (!may_take_value) {
            throw std::invalid_argument(fmt::format("'{}' is neither an option of Slurm's nor the value of one", word));
        }
        std::string& option = options.back();
        if (!is_long(option) && word.empty()) {
            throw std::invalid_argument(fmt::format("the value of Slurm's option {} is empty", option));
        }
        option += (is_long(option) ? "=" : "") + word;
        may_take_value = false;
    }
    return options;
}

std::optional<std::string> option_value(const std::vector<std::string>& options, const OptionName& wanted) {
    for (auto option = options.rbegin(); option != options.rend(); ++option) {
        if (!is_long(*option)) {
            if (wanted.letter != '\0' && option->size() > 1 && (*option)[1] == wanted.letter) return option->substr(2);
            continue;
        }
        const std::size_t end = std::min(option->find('='), option->size());
        const std::string_view name = std::string_view(*option).substr(2, end - 2);
        if (name.size() < wanted.least || !wanted.name.starts_with(name)) continue;
        return option->substr(std::min(end + 1, option->size()));
    }
    return std::nullopt;
}

Prologue parse_prologue(std::string_view text) {
    Prologue prologue;
    if (text.starts_with("#!")) {
        prologue.interpreter = take_line(text);
        check_interpreter(prologue.interpreter);
    }
    while (!text.empty()) {
        std::string_view after = text;
        const std::string_view line = take_line(after);
        if (!comment_or_blank(line)) break;  // from here on sbatch looks for nothing any more
        if (line.starts_with(magic)) {
            prologue.directives.emplace_back(line);
        } else {
            prologue.rest.append(line).append("\n");
        }
        text = after;
    }
    prologue.rest.append(text);
    if (!prologue.rest.empty() && prologue.rest.back() != '\n') prologue.rest += '\n';
    return prologue;
}

std::vector<std::string> options_of(const std::vector<std::string>& directives) {
    std::vector<std::string> words;
    for (const std::string& line : directives) {
        std::string_view text = std::string_view(line).substr(magic.size());
        while (auto word = take_word(text)) words.push_back(*word);
    }
    try {
        return attach_values(words);
    } catch (const std::invalid_argument&) {
        return {};  // sbatch will say what is wrong with them
    }
}

namespace {

// Quoted where a Bourne shell asks for it; what people read in haid's lines stays as they write it.
std::string quoted(const std::string& word) {
    const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
        return (c < 0x80 && std::isalnum(c) != 0) ||
               std::string_view("-_.+/:=,@%").find(static_cast<char>(c)) != std::string_view::npos;
    });
    return plain || word == "{}" ? word : command::quote(word);
}

}  // namespace

std::string quoted_line(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + quoted(word);
    return text;
}

std::string batch_script(const Submission& submission) {
    std::string script = submission.prologue.interpreter + "\n";
    for (const char* option : own_options) script += directive(option);
    for (const std::string& line : submission.prologue.directives) script += line + "\n";
    for (const std::string& option : submission.options) script += directive(option);
    script += submission.prologue.rest;
    // exec: signals that Slurm sends to the batch shell reach haid itself.
    script += "exec " + command::quote(submission.program);
    if (!submission.line.empty()) script += " " + quoted_line(submission.line);
    if (submission.input) script += " < " + command::quote(*submission.input);
    return script + "\n";
}

std::optional<std::string> expand_pattern(const std::string& pattern, const JobFacts& facts) {
    // A backslash anywhere: nothing is replaced (sbatch(1)).
    if (pattern.find('\\') != std::string::npos) return std::nullopt;
    std::string path;
    for (std::size_t at = 0; at < pattern.size(); ++at) {
        if (pattern[at] != '%') {
            path += pattern[at];
            continue;
        }
        std::size_t width = 0;
        while (++at < pattern.size() && std::isdigit(static_cast<unsigned char>(pattern[at])) != 0) {
            width = std::min<std::size_t>(width * 10 + static_cast<std::size_t>(pattern[at] - '0'), 10);
        }
        switch (at < pattern.size() ? pattern[at] : '\0') {
            case '%':
                path += '%';
                break;
            case 'j':
            case 'A':
                path.append(width > facts.number.size() ? width - facts.number.size() : 0, '0').append(facts.number);
                break;
            case 'x':
                path += facts.name;
                break;
            case 'u':
                path += facts.user;
                break;
            case 'N':
                if (facts.first_node.empty()) return std::nullopt;
                path += facts.first_node;
                break;
            default:
                return std::nullopt;
        }
    }
    return path;
}

}  // namespace haid::cluster
