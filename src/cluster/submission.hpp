// A batch script for Slurm, made from values: no system call here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace haid::cluster {

// Slurm's options as words of a command line, each with its value attached: -N 3 becomes -N3, --time 10 --time=10. So
// that a word which is no option can never be taken for the script. Throws std::invalid_argument naming a word that is
// neither an option nor, by its place, a value.
std::vector<std::string> attach_values(const std::vector<std::string>& words);

// What the last of the options says: `letter` or the long `name`, which may be cut to `least` letters. Options are as
// attach_values gives them.
struct OptionName {
    char letter;
    std::string_view name;
    std::size_t least;
};
std::optional<std::string> option_value(const std::vector<std::string>& options, const OptionName& wanted);

// What a user has put into a file to come before his line.
struct Prologue {
    std::string interpreter = "#!/bin/bash";
    std::vector<std::string> directives;  // the #SBATCH lines of its head, as they stand
    std::string rest;
};
// Throws std::invalid_argument where its first line names what is no Bourne shell.
Prologue parse_prologue(std::string_view text);

// The options in #SBATCH lines, read as sbatch reads them.
std::vector<std::string> options_of(const std::vector<std::string>& directives);

struct Submission {
    std::string program;               // this one
    std::vector<std::string> line;     // words after its name
    std::vector<std::string> options;  // as attach_values gives them
    Prologue prologue;
    std::optional<std::string> input;  // a file that becomes its standard input
};

// Throws std::invalid_argument for an option that no #SBATCH line can hold: one with a newline.
//
// Where sbatch is given the same option twice, the last one counts: haid's own come first, then those of the prologue.
std::string batch_script(const Submission& submission);

// The words as a shell would take them.
std::string quoted_line(const std::vector<std::string>& words);

// What Slurm puts for the patterns of --output and --error (sbatch(1), filename pattern). nullopt where it holds one
// that is not known here, such as those of arrays and tasks.
struct JobFacts {
    std::string number;
    std::string name;
    std::string user;
    std::string first_node;  // empty: it has none yet
};
std::optional<std::string> expand_pattern(const std::string& pattern, const JobFacts& facts);

}  // namespace haid::cluster
