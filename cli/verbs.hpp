// What the program does: run commands, or one of the verbs.
#pragma once

#include <string>
#include <vector>

#include "options.hpp"

namespace haid::cli {

struct Verb {
    const char* name;
    const char* summary;
    int (*execute)(const std::vector<std::string>& words, const Personality& who);
};

// The verb of that name, or nullptr. A verb is only ever the first word: `haid -- run` runs a program called run.
const Verb* find_verb(const std::string& name);

// Each returns the exit status. Throws UsageError, and what a run's start throws.
int run_commands(const std::vector<std::string>& words, const Personality& who);
int run_scripts(const std::vector<std::string>& words, const Personality& who);
int submit_line(const std::vector<std::string>& words, const Personality& who);
int show_status(const std::vector<std::string>& words, const Personality& who);
int cancel_runs(const std::vector<std::string>& words, const Personality& who);
int run_agent(const std::vector<std::string>& words, const Personality& who);
int show_resources(const std::vector<std::string>& words, const Personality& who);

// What a line names that can be looked at here: another machine may have the interpreters, or the scripts as well.
enum class Looks { all, no_interpreters, nothing };

// The words after `haid`, read as they would be run, and nothing done. Throws UsageError, also for a line that only
// asks something, and command::ScriptError.
CommandLine read_line(const std::vector<std::string>& words, const Personality& who, Looks looks);

}  // namespace haid::cli
