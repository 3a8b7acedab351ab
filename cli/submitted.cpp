// `haid status` and `haid cancel`: what was submitted.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "cluster/slurm_commands.hpp"
#include "cluster/submitted_runs.hpp"
#include "print.hpp"
#include "system/tell.hpp"
#include "verbs.hpp"

namespace haid::cli {
namespace {

using cluster::SlurmJob;
using cluster::SubmittedRun;

constexpr const char* forgotten = "ended";  // Slurm does not know any more how

bool asks_for_help(const std::vector<std::string>& words) {
    return !words.empty() && (words.front() == "--help" || words.front() == "-h");
}

// What Slurm knows of jobs, by their numbers: one call for each cluster.
class Jobs {
  public:
    Jobs(const std::vector<SubmittedRun>& runs, const Personality& who) {
        std::set<std::string> clusters;
        for (const SubmittedRun& run : runs) {
            if (!run.number.empty() && run.state.empty()) clusters.insert(run.cluster);
        }
        for (const std::string& name : clusters) {
            try {
                cluster::Seen seen = cluster::look_at_own_jobs(name);
                if (!seen.fault.empty()) throw std::runtime_error(seen.fault);
                for (SlurmJob& job : seen.jobs) add(name, std::move(job));
                answered_.insert(name);
            } catch (const std::exception& error) {
                system::tell("{}: Slurm does not say what has become of jobs: {}\n", who.name, error.what());
            }
        }
    }

    bool answered(const SubmittedRun& run) const { return answered_.contains(run.cluster); }
    const SlurmJob* find(const SubmittedRun& run) const {
        const auto found = jobs_.find({run.cluster, run.number});
        return found != jobs_.end() ? &found->second : nullptr;
    }

  private:
    // Of an array, one that has not ended stands for all.
    void add(const std::string& name, SlurmJob job) {
        auto [at, is_new] = jobs_.try_emplace({name, job.number}, job);
        if (!is_new && cluster::has_ended(at->second.state)) at->second = std::move(job);
    }

    std::map<std::pair<std::string, std::string>, SlurmJob> jobs_;
    std::set<std::string> answered_;
};

struct Row {
    std::string state = "?", time, nodes;
};

// How a run stands; one that has ended gets its state.
Row row_of(SubmittedRun& run, const Jobs& jobs) {
    Row row;
    if (!run.state.empty()) {
        row = {run.state, run.time, run.nodes};
    } else if (const SlurmJob* job = jobs.find(run)) {
        row = {job->state, job->time, job->nodes};
        if (cluster::has_ended(job->state)) {
            run.state = job->state;
            run.time = job->time;
            run.nodes = job->nodes;
        }
        if (job->state == "PENDING" && job->reason != "None") row.state += fmt::format(" ({})", job->reason);
    } else if (jobs.answered(run)) {
        row.state = run.state = forgotten;
    }
    return row;
}

// The newest first.
const SubmittedRun* find_run(const std::vector<SubmittedRun>& runs, const std::string& number) {
    const auto found = std::find_if(runs.rbegin(), runs.rend(), [&](const SubmittedRun& run) {
        return !run.number.empty() && (number == "last" || run.number == number);
    });
    return found != runs.rend() ? &*found : nullptr;
}

}  // namespace

int show_status(const std::vector<std::string>& words, const Personality& who) {
    if (asks_for_help(words)) {
        print(
            "{0} status: what was submitted with {0} submit, and what has become of it. Removes scripts and stored\n"
            "inputs of runs that ended more than 30 days ago.\n",
            who.name);
        return 0;
    }
    if (!words.empty()) {
        throw UsageError(fmt::format("'{}': haid status takes no arguments (a program called status: haid -- status)",
                                     words.front()));
    }
    std::vector<SubmittedRun> runs = cluster::submitted_runs();
    const Jobs jobs(runs, who);
    const auto known = std::count_if(runs.begin(), runs.end(), [](const auto& run) { return !run.number.empty(); });
    if (known == 0) {
        print("Nothing was submitted: see {} submit --help\n", who.name);
    } else {
        print("{:>9}  {:<22}  {:>10}  {:>5}  {:<16}  {:<10}  {}\n", "job", "state", "time", "nodes", "submitted",
              "name", "line");
    }
    for (SubmittedRun& run : runs) {
        if (run.number.empty()) continue;
        const std::string before = run.state;
        const Row row = row_of(run, jobs);
        print("{:>9}  {:<22}  {:>10}  {:>5}  {:<16}  {:<10}  {}\n", run.number, row.state, row.time, row.nodes,
              run.when(), run.name, run.line);
        if (run.state != before) cluster::remember(run);
    }
    cluster::remove_old_runs(runs);
    return 0;
}

int cancel_runs(const std::vector<std::string>& words, const Personality& who) {
    if (asks_for_help(words)) {
        print("{0} cancel NUMBER … | last: ends jobs that were submitted with {0} submit; last: the newest.\n",
              who.name);
        return 0;
    }
    if (words.empty())
        throw UsageError(fmt::format("which job? {0} cancel NUMBER, or last; {0} status lists them", who.name));
    const std::vector<SubmittedRun> runs = cluster::submitted_runs();
    std::map<std::string, std::vector<std::string>> numbers;  // by cluster
    for (const std::string& word : words) {
        const SubmittedRun* run = find_run(runs, word);
        if (run == nullptr && word == "last") throw UsageError("nothing was submitted");
        if (run == nullptr) {
            throw UsageError(
                fmt::format("'{}' is no job that was submitted with {} submit: {} status lists them, and "
                            "scancel ends any",
                            word, who.name, who.name));
        }
        if (!run->state.empty()) {
            print("{}: job {} had ended: {}\n", who.name, run->number, run->state);
            continue;
        }
        numbers[run->cluster].push_back(run->number);
    }
    int status = 0;
    for (const auto& [name, some] : numbers) {
        const nodes::Said said = cluster::cancel(some, name);
        system::tell("{}", said.err);
        if (!said.in_time) throw std::runtime_error("scancel has not answered in time");
        if (said.exit_status != 0) status = said.exit_status;
        for (const std::string& number : some) {
            if (said.exit_status == 0) print("{}: told Slurm to end job {}\n", who.name, number);
        }
    }
    return status;
}

}  // namespace haid::cli
