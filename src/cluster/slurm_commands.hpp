// What is asked of Slurm about jobs that were submitted. Every call is work for the one controller that all users
// share: whoever asks again and again leaves seconds in between.
#pragma once

#include <string>
#include <vector>

#include "nodes/slurm_call.hpp"

namespace haid::cluster {

// sbatch on a script, with options that win over the script's and over variables of the environment.
struct Submitted {
    nodes::Said said;
    std::string number;   // empty: nothing was submitted (refused, or only asked: --test-only, --version)
    std::string cluster;  // where it was submitted to another one (--clusters)
};
Submitted submit(const std::vector<std::string>& options, const std::string& script);

// One job, as squeue sees it.
struct SlurmJob {
    std::string number;  // of an array: that of the whole
    std::string state;   // "RUNNING"
    std::string reason;  // why it does not run
    std::string name;
    std::string nodes;  // how many
    std::string node_list;
    std::string first_node;  // empty: it has none yet
    std::string time;        // used
    int wait_status{};       // as wait(2) gives it, once it has ended
    std::string output;      // with patterns
    std::string error;
};

// It will never run (again).
bool has_ended(const std::string& state);

struct Seen {
    std::vector<SlurmJob> jobs;
    std::string fault;  // what Slurm said in place of an answer; empty: it answered
};
// All of this user's jobs that Slurm still knows, ended ones for some minutes, too. Without output and error.
Seen look_at_own_jobs(const std::string& cluster = "");
// One job; none where Slurm does not know it any more.
Seen look_at_job(const std::string& number, const std::string& cluster = "");

nodes::Said cancel(const std::vector<std::string>& numbers, const std::string& cluster = "");

}  // namespace haid::cluster
