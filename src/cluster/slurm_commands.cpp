#include "cluster/slurm_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace haid::cluster {
namespace {

using nodes::ask_slurm;
using nodes::run_and_listen;
using nodes::Said;

// A controller that is busy or restarted takes seconds; sbatch tries again for a while by itself.
constexpr std::chrono::seconds patience_with_sbatch{60};
constexpr std::chrono::seconds patience{20};

std::string fault_of(const std::string& command, const Said& said) {
    if (!said.in_time) return fmt::format("{} has not answered in time", command);
    if (said.exit_status == 0) return "";
    std::string words = said.err;
    words.erase(words.find_last_not_of(" \n") + 1);
    return words.empty() ? fmt::format("{} ended with exit status {}", command, said.exit_status) : words;
}

void to_cluster(std::vector<std::string>& words, const std::string& cluster) {
    if (!cluster.empty()) words.push_back("--clusters=" + cluster);
}

// Columns of fixed widths: values may hold any character. Wide enough for what they hold, a path among them.
struct Column {
    const char* name;
    std::size_t width;
    std::string SlurmJob::*member;
};
constexpr std::array columns = {
    Column{"State", 32, &SlurmJob::state},          Column{"Reason", 64, &SlurmJob::reason},
    Column{"Name", 256, &SlurmJob::name},           Column{"NumNodes", 16, &SlurmJob::nodes},
    Column{"NodeList", 1024, &SlurmJob::node_list}, Column{"BatchHost", 256, &SlurmJob::first_node},
    Column{"TimeUsed", 32, &SlurmJob::time},        Column{"StdOut", 4096, &SlurmJob::output},
    Column{"StdErr", 4096, &SlurmJob::error}};
constexpr std::size_t exit_code_width = 16;

std::string take_column(std::string_view& row, std::size_t width) {
    std::string text(row.substr(0, width));
    row.remove_prefix(std::min(width, row.size()));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

template <class Each>
void for_each_line(std::string_view text, Each each) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        each(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::string take_field(std::string_view& row) {
    const std::size_t end = std::min(row.find('|'), row.size());
    std::string text(row.substr(0, end));
    row.remove_prefix(std::min(end + 1, row.size()));
    return text;
}

}  // namespace

Submitted submit(const std::vector<std::string>& options, const std::string& script) {
    std::vector<std::string> words = {"sbatch", "--parsable"};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back(script);
    // Standard input, too: where the last option lacks its value it takes the script's name for that, and sbatch must
    // come to the script's own lines all the same, where it sees what is missing.
    Submitted submitted{run_and_listen(words, patience_with_sbatch, script), "", ""};
    std::string_view answer = submitted.said.out;
    answer = answer.substr(0, answer.find('\n'));
    const std::size_t digits = std::min(answer.find_first_not_of("0123456789"), answer.size());
    const bool number = digits > 0 && (digits == answer.size() || answer[digits] == ';');
    if (submitted.said.exit_status != 0 || !submitted.said.in_time || !number) return submitted;
    submitted.number = answer.substr(0, digits);
    submitted.cluster = answer.substr(std::min(digits + 1, answer.size()));
    return submitted;
}

bool has_ended(const std::string& state) {
    constexpr std::array ended = {"BOOT_FAIL", "CANCELLED",     "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED",
                                  "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",  "TIMEOUT"};
    return std::find(ended.begin(), ended.end(), state) != ended.end();
}

Seen look_at_own_jobs(const std::string& cluster) {
    std::vector<std::string> words = {"squeue",           "-h", "-t", "all", "-u", std::to_string(::getuid()), "-o",
                                      "%F|%T|%M|%D|%r|%j"};
    to_cluster(words, cluster);
    const Said said = ask_slurm(words, patience);
    Seen seen{{}, fault_of("squeue", said)};
    if (!seen.fault.empty()) return seen;
    for_each_line(said.out, [&](std::string_view row) {
        if (row.starts_with("CLUSTER: ")) return;
        SlurmJob job;
        for (auto member :
             {&SlurmJob::number, &SlurmJob::state, &SlurmJob::time, &SlurmJob::nodes, &SlurmJob::reason}) {
            job.*member = take_field(row);
        }
        job.name = row;
        seen.jobs.push_back(job);
    });
    return seen;
}

Seen look_at_job(const std::string& number, const std::string& cluster) {
    std::string format = fmt::format("exit_code:{}", exit_code_width);
    for (const Column& column : columns) format += fmt::format(",{}:{}", column.name, column.width);
    std::vector<std::string> words = {"squeue", "-h", "-t", "all", "-j", number, "-O", format};
    to_cluster(words, cluster);
    const Said said = ask_slurm(words, patience);
    Seen seen{{}, fault_of("squeue", said)};
    if (seen.fault.find("Invalid job id") != std::string::npos) seen.fault.clear();
    if (!seen.fault.empty()) return seen;
    for_each_line(said.out, [&](std::string_view row) {
        if (row.starts_with("CLUSTER: ")) return;  // before the jobs of another one
        SlurmJob job;
        job.number = number;
        const std::string status = take_column(row, exit_code_width);
        std::from_chars(status.data(), status.data() + status.size(), job.wait_status);
        for (const Column& column : columns) job.*(column.member) = take_column(row, column.width);
        if (job.first_node == "n/a") job.first_node.clear();
        if (!job.state.empty()) seen.jobs.push_back(job);
    });
    return seen;
}

nodes::Said cancel(const std::vector<std::string>& numbers, const std::string& cluster) {
    std::vector<std::string> words = {"scancel"};
    to_cluster(words, cluster);
    words.insert(words.end(), numbers.begin(), numbers.end());
    return ask_slurm(words, patience);
}

}  // namespace haid::cluster
