#include "command/scripts.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>

#include "system/command_path.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return std::tolower(c); });
    return result;
}

std::vector<std::string> split_words(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

std::string extension_of(const std::string& path) {
    std::string name = path.substr(path.rfind('/') + 1);
    std::size_t dot = name.rfind('.');
    return dot == std::string::npos || dot == 0 ? "" : lower(name.substr(dot));
}

std::optional<std::string> users_table() {
    auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value != nullptr ? value : "");
    };
    if (std::string path = variable("HAID_INTERPRETERS"); !path.empty()) return path;
    if (std::string folder = variable("XDG_CONFIG_HOME"); !folder.empty()) return folder + "/haid/interpreters";
    if (std::string home = variable("HOME"); !home.empty()) return home + "/.config/haid/interpreters";
    return std::nullopt;
}

// A table that nobody has named need not be there.
std::string text_of_table(const std::string& path) {
    const char* named = std::getenv("HAID_INTERPRETERS");
    if (named == nullptr || *named == '\0') return system::read_small_file(path);
    try {
        return system::read_file(path);
    } catch (const system::SystemError& error) {
        throw ScriptError(fmt::format("cannot read the table of interpreters '{}' (HAID_INTERPRETERS): {}", path,
                                      system::reason(error.error())));
    }
}

bool installed(const std::string& program) {
    if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
    system::CommandPath path;
    return path.find(program) || !path.all_absolute();
}

// What a script's first line says after #!; empty where it says nothing, or cannot be read.
std::string first_line(const std::string& script) {
    const system::Descriptor file(::open(script.c_str(), O_RDONLY | O_CLOEXEC));
    char start[256];  // the kernel looks at so much
    const ssize_t size = file ? system::uninterrupted([&] { return ::read(file.get(), start, sizeof start); }) : 0;
    const std::string_view text(start, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return text.starts_with("#!") ? std::string(text.substr(2, text.find('\n') - 2)) : "";
}

// A carriage return would be a part of the interpreter's name, or of its argument.
bool understood_by_kernel(const std::string& first_line) {
    return !first_line.empty() && first_line.find('\r') == std::string::npos;
}

// What has to be installed: the interpreter, or what env is to look for.
const std::string& program_of(const std::vector<std::string>& interpreter) {
    auto word = interpreter.begin();
    if (*word != "env" && !word->ends_with("/env")) return *word;
    do {
        ++word;
    } while (word != interpreter.end() && (*word == "-S" || word->find('=') != std::string::npos));
    return word == interpreter.end() || word->starts_with('-') ? interpreter.front() : *word;
}

}  // namespace

Interpreters Interpreters::with_users_table() {
    Interpreters interpreters;
    static constexpr std::pair<const char*, const char*> known[] = {
        {".py", "python3"},       {".r", "Rscript"}, {".sh", "bash"},       {".bash", "bash"},
        {".zsh", "zsh"},          {".ksh", "ksh"},   {".fish", "fish"},     {".jl", "julia"},
        {".pl", "perl"},          {".rb", "ruby"},   {".lua", "lua"},       {".js", "node"},
        {".mjs", "node"},         {".php", "php"},   {".tcl", "tclsh"},     {".awk", "awk -f"},
        {".m", "octave --quiet"}, {".scm", "guile"}, {".groovy", "groovy"}, {".jar", "java -jar"},
        {".do", "stata -b do"},   {".sas", "sas"},   {".gp", "gnuplot"},    {".nf", "nextflow run"}};
    for (const auto& [extension, command] : known) interpreters.set(extension, command, command);
    if (auto path = users_table()) {
        std::istringstream lines(text_of_table(*path));
        for (std::string line; std::getline(lines, line);) {
            line.erase(std::min(line.find('#'), line.size()));
            std::vector<std::string> words = split_words(line);
            if (words.empty()) continue;
            std::string extension = words.front();
            words.erase(words.begin());
            interpreters.set(extension, fmt::format("{}", fmt::join(words, " ")),
                             fmt::format("{} ('{}')", line, *path));
        }
    }
    return interpreters;
}

void Interpreters::set(std::string_view extension, std::string_view command, std::string_view whole) {
    std::vector<std::string> words = split_words(command);
    if (words.empty() || extension.size() < 2 || extension.front() != '.') {
        throw ScriptError(
            fmt::format("'{}' is no interpreter: give an extension and a command, as in .m=octave", whole));
    }
    table_[lower(extension)] = std::move(words);
}

void Interpreters::add(std::string_view definition) {
    std::size_t equals = std::min(definition.find('='), definition.size());
    const std::string_view extension = definition.substr(0, equals);
    set(extension, definition.substr(std::min(equals + 1, definition.size())), definition);
    asked_.insert(lower(extension));
}

std::vector<std::string> Interpreters::interpreter_of(const std::string& script) const {
    const std::string extension = extension_of(script);
    const auto known = table_.find(extension);
    if (asked_.contains(extension)) return known->second;
    const bool executable = ::access(script.c_str(), X_OK) == 0;
    const std::string line = first_line(script);
    if (executable && understood_by_kernel(line)) return {};
    if (known != table_.end()) return known->second;
    if (std::vector<std::string> words = split_words(line); !words.empty()) return words;
    if (executable) return {};
    throw ScriptError(
        fmt::format("no interpreter is known for '{}': it has no known extension, no first line with #!, and is not "
                    "executable (name one with --interpreter {}=COMMAND, or chmod +x it)",
                    script, extension.empty() ? ".ext" : extension));
}

std::vector<std::string> Interpreters::command_for(const std::string& script, bool elsewhere) const {
    struct stat status {};
    if (::stat(script.c_str(), &status) != 0) {
        throw ScriptError(fmt::format("cannot run the script '{}': {}", script, system::reason(errno)));
    }
    if (!S_ISREG(status.st_mode)) throw ScriptError(fmt::format("'{}' is no file that could be run", script));
    std::vector<std::string> words = interpreter_of(script);
    const std::vector<std::string> reader = words.empty() ? split_words(first_line(script)) : words;
    if (!reader.empty()) {
        if (::access(script.c_str(), R_OK) != 0) {
            throw ScriptError(fmt::format("cannot read the script '{}': {}", script, system::reason(errno)));
        }
        if (const std::string& program = program_of(reader); !installed(program)) {
            throw InterpreterMissing(
                fmt::format("'{}' needs {}, which is not installed (or not in PATH)", script, program));
        }
    }
    // Without a folder it may look like an option, or like a command to be found in PATH.
    const bool named = script.find('/') != std::string::npos || (!words.empty() && !script.starts_with('-'));
    words.push_back(named || elsewhere ? script : "./" + script);
    if (elsewhere) {
        words.back() = std::filesystem::absolute(words.back());
        if (words.front().find('/') != std::string::npos) words.front() = std::filesystem::absolute(words.front());
    }
    return words;
}

}  // namespace haid::command
