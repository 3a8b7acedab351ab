// Which program runs a script: the one that was asked for; else itself, where it is executable and its first line says
// what runs it (#!); else by its extension; else by its first line; else itself, where it is executable.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace haid::command {

// what() says which script, what is wrong with it, and what to do.
class ScriptError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// It is not here; another machine, or a shell with modules, may have it.
class InterpreterMissing : public ScriptError {
    using ScriptError::ScriptError;
};

// A script that is run with the arguments of each job.
struct Script {
    std::string name;     // as it was given
    std::string command;  // what runs it: words quoted for the shell
};

class Interpreters {
  public:
    // The ones that come with the program; then those of the user's table, where there is one: $HAID_INTERPRETERS, else
    // haid/interpreters in $XDG_CONFIG_HOME or ~/.config. A line each: ".m octave --quiet"; `#` begins a comment.
    // Throws ScriptError for a line that is none.
    static Interpreters with_users_table();

    // ".m=octave --quiet"; replaces what was known for that extension, and what its scripts say themselves. Throws
    // ScriptError.
    void add(std::string_view definition);

    // The words that run the script, its path last; `elsewhere`: in any folder, not only in this one. Throws
    // ScriptError where the file cannot be read, no interpreter is known, or the interpreter is not installed.
    std::vector<std::string> command_for(const std::string& script, bool elsewhere) const;

    const std::map<std::string, std::vector<std::string>>& table() const { return table_; }

  private:
    void set(std::string_view extension, std::string_view command, std::string_view whole);
    // Empty: none, the script runs by itself.
    std::vector<std::string> interpreter_of(const std::string& script) const;

    std::map<std::string, std::vector<std::string>> table_;  // by extension, with its dot, in lower case
    std::set<std::string> asked_;                            // extensions that were added
};

}  // namespace haid::command
