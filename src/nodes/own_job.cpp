#include "nodes/own_job.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "nodes/slurm_call.hpp"
#include "system/slurm_environment.hpp"

namespace haid::nodes {
namespace {

// A run does not begin or end much later for want of an answer.
constexpr std::chrono::seconds patience{10};

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

// What it wrote, or in `fault` why there is nothing. `good_too`: an exit status that is no fault.
std::string asked(const std::vector<std::string>& words, std::string& fault, int good_too = 0) {
    try {
        const Said said = ask_slurm(words, patience);
        if (!said.in_time) {
            fault = fmt::format("{} has not answered for {} s", words.front(), patience.count());
        } else if (said.exit_status != 0 && said.exit_status != good_too) {
            fault = trimmed(said.err);
            if (fault.empty()) fault = fmt::format("{} ended with exit status {}", words.front(), said.exit_status);
        } else {
            return trimmed(said.out);
        }
    } catch (const std::exception& error) {
        fault = error.what();
    }
    return "";
}

std::string_view take_field(std::string_view& row) {
    const std::string_view field = row.substr(0, row.find('|'));
    row.remove_prefix(std::min(field.size() + 1, row.size()));
    return field;
}

// The row whose number, which every element of an array has for itself, is the job's.
bool find_row(std::string_view rows, const std::string& number, OwnJob& job) {
    while (!rows.empty()) {
        std::string_view row = rows.substr(0, rows.find('\n'));
        rows.remove_prefix(std::min(row.size() + 1, rows.size()));
        if (take_field(row) != number) continue;
        job.name = take_field(row);
        // Components of a heterogeneous job are no jobs to scontrol: they end together.
        job.name.erase(std::min(job.name.find('+'), job.name.size()));
        job.end_time = take_field(row);
        job.batch_node = take_field(row);
        job.nodes = system::expand_node_list(row);
        return true;
    }
    return false;
}

std::string do_to_own_job(std::vector<std::string> words) {
    OwnJobSeen seen = look_at_own_job();
    if (!seen.fault.empty()) return seen.fault;
    words.push_back(seen.job.name);
    std::string fault;
    // What it asks for ends this job, and with it whoever has asked, perhaps before he has heard the answer.
    asked(words, fault, 128 + SIGTERM);
    return fault;
}

}  // namespace

OwnJobSeen look_at_own_job() {
    OwnJobSeen seen;
    const std::string number = variable("SLURM_JOB_ID");
    const std::string array = variable("SLURM_ARRAY_JOB_ID"), element = variable("SLURM_ARRAY_TASK_ID");
    if (number.empty()) {
        seen.fault = "this is no Slurm job (SLURM_JOB_ID is not set)";
        return seen;
    }
    std::vector<std::string> names = {number};
    // One row in place of all that the array has.
    if (!array.empty() && !element.empty()) names.insert(names.begin(), array + "_" + element);
    for (const std::string& name : names) {
        seen.fault.clear();
        const std::string rows = asked({"squeue", "-h", "-j", name, "-o", "%A|%i|%e|%B|%N"}, seen.fault);
        try {
            if (find_row(rows, number, seen.job)) return seen;
        } catch (const std::exception& error) {
            seen.fault = error.what();
        }
        // Slurm does not answer: it would not say more about another name.
        if (!seen.fault.empty() && seen.fault.find("Invalid job id") == std::string::npos) return seen;
    }
    if (seen.fault.empty()) seen.fault = fmt::format("Slurm does not know job {}", number);
    return seen;
}

std::string state_of_node(const std::string& name) {
    std::string fault;
    return asked({"sinfo", "-h", "-n", name, "-o", "%T"}, fault);
}

std::string requeue_own_job() {
    return do_to_own_job({"scontrol", "requeue"});
}

std::string cancel_own_job() {
    return do_to_own_job({"scancel"});
}

}  // namespace haid::nodes
