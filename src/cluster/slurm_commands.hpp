// Slurm's commands, each with a time limit and a fixed format. Every call is work for the one controller that all users
// share: whoever asks again and again leaves seconds in between.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace haid::cluster {

// A program that was run to its end, and what it said.
struct Said {
    int exit_status = 0;  // 128 and the signal that ended it
    std::string out;
    std::string err;
    bool in_time = true;  // false: it was ended after the limit
};

// Runs the words. The first is found in PATH, or std::invalid_argument says that it is missing. A signal that ends this
// program ends that one, too. `input`: a file for its standard input, empty: nothing. Throws SystemError.
Said run_and_listen(const std::vector<std::string>& words, std::chrono::seconds limit, const std::string& input = "");

// sbatch on a script, with options that win over the script's and over variables of the environment.
struct Submitted {
    Said said;
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

Said cancel(const std::vector<std::string>& numbers, const std::string& cluster = "");

// Of the job in which this program runs. What is asked for is empty where Slurm does not answer.
// When Slurm will end it, as squeue writes that.
std::string end_time_of(const std::string& number);
// The node on which its batch script runs, and a node's state: "mixed", "down*".
std::string batch_node_of(const std::string& number);
std::string state_of_node(const std::string& name);
// Back into the queue: it ends now, and its script runs again later. Empty where Slurm has agreed, else its own words.
std::string requeue(const std::string& number);

}  // namespace haid::cluster
