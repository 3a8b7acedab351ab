#include "command/shell.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <unordered_set>

#include "system/command_path.hpp"
#include "system/descriptor.hpp"
#include "system/process_table.hpp"

namespace haid::command {
namespace {

constexpr std::size_t longest_argument = 32 * 4096;  // MAX_ARG_STRLEN, see execve(2)

const std::unordered_set<std::string_view>& shells() {
    static const std::unordered_set<std::string_view> names = {
        "ash",  "bash",  "csh", "dash", "fdsh", "fish", "fizsh", "ksh",  "ksh93",     "lksh", "mksh", "pdksh",
        "posh", "rbash", "rc",  "rush", "rzsh", "sash", "sh",    "yash", "static-sh", "tcsh", "zsh"};
    return names;
}

// Builtins and keywords of POSIX sh, dash, bash and ksh, whether or not a program of that name exists too.
const std::unordered_set<std::string_view>& builtins() {
    static const std::unordered_set<std::string_view> names = {
        "!",        ".",      ":",       "[",        "[[",      "alias",   "bg",      "bind",      "break",
        "builtin",  "caller", "case",    "cd",       "chdir",   "command", "compgen", "complete",  "compopt",
        "continue", "coproc", "declare", "dirs",     "disown",  "do",      "done",    "echo",      "elif",
        "else",     "enable", "esac",    "eval",     "exec",    "exit",    "export",  "false",     "fc",
        "fg",       "fi",     "for",     "function", "getopts", "hash",    "help",    "hist",      "history",
        "if",       "in",     "jobs",    "kill",     "let",     "local",   "logout",  "mapfile",   "newgrp",
        "nameref",  "popd",   "print",   "printf",   "pushd",   "pwd",     "read",    "readarray", "readonly",
        "return",   "select", "set",     "shift",    "shopt",   "source",  "suspend", "test",      "then",
        "time",     "times",  "trap",    "true",     "type",    "typeset", "ulimit",  "umask",     "unalias",
        "unset",    "until",  "wait",    "whence",   "while",   "{",       "}"};
    return names;
}

std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

bool is_exported_function(std::string_view name) {
    std::string start = fmt::format("BASH_FUNC_{}%%=", name);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (std::strncmp(*entry, start.c_str(), start.size()) == 0) return true;
    }
    return false;
}

std::string find_in_path(std::string_view name) {
    return system::CommandPath().find(std::string(name)).value_or("");
}

// The name in argv[0] of an ancestor decides: a bash that was started as sh is sh.
std::string shell_of_ancestors() {
    for (pid_t pid = ::getppid(); pid > 1;) {
        std::string arguments = system::read_small_file(fmt::format("/proc/{}/cmdline", pid));
        std::string_view name = base_name(std::string_view(arguments).substr(0, arguments.find('\0')));
        if (name.starts_with('-')) name.remove_prefix(1);
        if (shells().contains(name)) {
            std::string path = find_in_path(name);
            if (!path.empty()) return path;
        }
        const auto entry = system::process_entry(pid);
        if (!entry) break;
        pid = entry->parent;
    }
    return {};
}

bool plain(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && std::strchr("_-./,:+@%=", c) != nullptr);
}

// The text itself, with \1 for its newlines, or a file that holds it: env_parallel writes either.
std::string parallel_env(const std::string& value) {
    std::string text = value;
    if (!value.empty() && ::access(value.c_str(), F_OK) == 0) {
        text = system::read_file(value);
    }
    std::replace(text.begin(), text.end(), '\1', '\n');
    if (text.find('\0') != std::string::npos || text.size() + 2 >= longest_argument) {
        throw std::invalid_argument(
            fmt::format("PARALLEL_ENV holds {} bytes, or a zero byte: it stands before each command line, and both "
                        "together must be shorter than {}",
                        text.size(), longest_argument));
    }
    return text;
}

}  // namespace

std::string Shell::text_of(const std::string& line) const {
    if (prologue.empty()) return line;
    // zsh knows an alias only in what it reads after the alias's definition has been executed.
    const bool zsh = base_name(path) == "zsh";
    return fmt::format("{}\n{}", prologue, zsh ? "eval " + quote(line, style) : line);
}

Shell choose_shell() {
    auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value != nullptr ? value : "");
    };
    Shell shell;
    shell.path = variable("PARALLEL_SHELL");
    if (shell.path.empty()) shell.path = shell_of_ancestors();
    if (shell.path.empty()) shell.path = variable("SHELL");
    if (shell.path.empty()) shell.path = "/bin/sh";
    std::string_view name = base_name(shell.path);
    if (name == "csh" || name == "tcsh") shell.style = QuoteStyle::csh;
    if (name == "rc") shell.style = QuoteStyle::rc;
    bool reads_nothing = std::getenv("BASH_ENV") == nullptr && std::getenv("ENV") == nullptr &&
                         std::getenv("SHELLOPTS") == nullptr && std::getenv("BASHOPTS") == nullptr;
    shell.prologue = parallel_env(variable("PARALLEL_ENV"));
    shell.may_be_left_out =
        reads_nothing && shell.prologue.empty() && (name == "sh" || name == "bash" || name == "dash");
    return shell;
}

std::optional<std::vector<std::string>> split_simple_command(std::string_view line) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    bool quoted = false;  // some part of the word is
    auto end_word = [&] {
        if (!in_word) return true;
        if (words.empty() && (quoted || word.find('=') != std::string::npos || word.front() == '%' ||
                              builtins().contains(word) || is_exported_function(word))) {
            return false;
        }
        words.push_back(std::exchange(word, {}));
        in_word = quoted = false;
        return true;
    };
    for (std::size_t i = 0; i < line.size(); ++i) {
        char c = line[i];
        if (c == ' ' || c == '\t') {
            if (!end_word()) return std::nullopt;
            continue;
        }
        in_word = true;
        if (c == '\'' || c == '"') {
            std::size_t close = line.find(c, i + 1);
            if (close == std::string_view::npos) return std::nullopt;
            std::string_view inside = line.substr(i + 1, close - i - 1);
            if (c == '"' && inside.find_first_of("$`\\!") != std::string_view::npos) return std::nullopt;
            word.append(inside);
            quoted = true;
            i = close;
        } else if (plain(static_cast<unsigned char>(c))) {
            word += c;
        } else {
            return std::nullopt;
        }
    }
    if (!end_word() || words.empty()) return std::nullopt;
    return words;
}

}  // namespace haid::command
