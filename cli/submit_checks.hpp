// What would only go wrong when the job begins, perhaps after hours in the queue.
#pragma once

#include <string>
#include <vector>

#include "options.hpp"

namespace haid::cli {

// The folders that Slurm will write to (--output, --error). `options` as cluster::attach_values gives them, those that
// count most last. Throws UsageError; says where it cannot know.
void check_folders(const std::vector<std::string>& options, const Personality& who);

struct LineFacts {
    bool reads_input = false;  // standard input, that is
    bool until_done = false;
};
// The line as it will be run, in the folder of --chdir: its options, input files, scripts, job log. With a prologue,
// which may load modules, an interpreter need not be installed here. Throws UsageError and what reading a line throws.
LineFacts check_line(const std::vector<std::string>& words, const std::vector<std::string>& options, bool has_prologue,
                     const Personality& who);

// Where the job begins: --chdir, else here.
std::string first_folder(const std::vector<std::string>& options);

}  // namespace haid::cli
