// Everything that a run can be told, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command/environment.hpp"
#include "command/gate.hpp"
#include "command/input/inputs.hpp"
#include "command/job_log.hpp"
#include "command/output/output.hpp"
#include "command/scripts.hpp"
#include "command/shell.hpp"
#include "command/template.hpp"
#include "schedule/schedule.hpp"

namespace haid::command {

struct RunSettings {
    std::string program_name = "haid";  // in messages
    bool as_parallel = false;           // where haid and GNU parallel differ, do as GNU parallel
    std::string host = ":";             // what logs and tables call this machine

    Shell shell;
    std::vector<std::string> command;  // words; empty: the inputs are the commands
    std::vector<Script> scripts;       // each runs with each job's arguments, which are `command` then
    TemplateSettings strings;
    InputSettings input;
    BatchRule batch;
    bool spread_last = false;         // -m, -X: at the end of the input, what is left is spread over the slots
    std::size_t most_characters = 0;  // -s; 0: what the system takes

    schedule::Policy policy;
    std::string retries;     // --retries where each job has its own: a template of policy.attempts
    std::string jobs;        // -j as it was given, for machines of other sizes; empty: a job for each CPU
    int cpus_per_job = 0;    // 0: what there is, divided among the jobs
    std::string slots_file;  // -j FILE: read again whenever a job has ended
    int usable_cpus = 1;
    GateSettings gate;
    std::optional<int> nice;
    std::string oom_score_adj;  // proc(5); empty: this process's
    std::string directory;      // --workdir, a template; own_directories: a new one for each job
    std::string slot_variable;  // --process-slot-var
    bool limit_threads = true;
    std::optional<std::uint64_t> seed;  // --seed
    bool dry_run = false;
    bool trace = false;  // -t: commands on standard error as they start

    enum class Grouping { whole, lines, none } grouping = Grouping::whole;
    bool keep_order = false;
    bool show_command = false;       // -v
    std::optional<std::string> tag;  // a template
    std::string results;
    std::string temporary_folder = "/tmp";
    // All jobs together may have this much output in memory; what is more lies in a temporary file.
    std::size_t output_memory = 32 * 1024 * 1024;

    std::string job_log;
    bool append_job_log = false;
    Resume resume = Resume::no;

    // The log's lines come after the output of their jobs; there is no file.
    bool prints_job_log() const { return job_log == "-"; }
};

}  // namespace haid::command
