// The program's options: one table, from which parsing, help and error messages come.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "command/settings.hpp"

namespace haid::cli {

// The command line is wrong; what() says how, and what to do.
class UsageError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class ProgressStyle { automatic, none, bar, eta, counts };

// How many inputs a job is to have: options that are given beside each other, in any order.
struct JobInputs {
    std::optional<std::uint64_t> inputs;       // -n
    std::optional<std::uint64_t> replaced;     // -N
    std::optional<std::uint64_t> lines;        // -L
    std::optional<std::uint64_t> lines_apart;  // -l
    bool fill = false;                         // -m
    bool fill_context = false;                 // -X
    bool fill_unspread = false;                // --xargs

    // What all of them say together.
    void settle(command::RunSettings& run) const;
};

// What a command line asks for.
struct CommandLine {
    command::RunSettings run;
    ProgressStyle progress = ProgressStyle::automatic;
    bool group_given = false;
    JobInputs job_inputs;
    bool until_done = false;  // --until-done
    enum class Nodes { automatic, local, slurm } nodes = Nodes::automatic;
    std::vector<std::string> interpreters;  // --interpreter, for `haid run`
    std::string argument_separator = ":::";
    std::string file_separator = "::::";
    enum class Show { nothing, help, version, line_length, sockets, cores, threads } show = Show::nothing;
    std::string lowest_version;  // --minversion
    bool plain = false;          // --plain: no options but those of the command line

    bool only_asks() const { return show != Show::nothing || !lowest_version.empty(); }
};

// Called by the name `parallel` (or `sem`, which is to come) the program is GNU parallel; else it is itself.
struct Personality {
    std::string name = "haid";
    bool is_parallel = false;
};
Personality personality(const char* program_path);

// Reads options, first those of the configuration file and of $PARALLEL, up to the first word that is none; returns the
// words after them. Throws UsageError.
std::vector<std::string> parse_options(const std::vector<std::string>& words, CommandLine& line,
                                       const Personality& who);

// Takes `::: values`, `:::: files` and their linked forms out of the words; what stands before them is left.
void take_sources(std::vector<std::string>& words, CommandLine& line);

// All options with their help, in groups.
std::string options_help();

}  // namespace haid::cli
