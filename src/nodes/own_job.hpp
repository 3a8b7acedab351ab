// The Slurm job in which this program runs, as Slurm sees it.
//
// SLURM_JOB_ID is no name for it: of a job array, the last element has the number of the whole array, and squeue,
// scontrol and scancel take that number for every element. SLURM_ARRAY_JOB_ID with SLURM_ARRAY_TASK_ID may be left over
// from a job that submitted this one. So Slurm itself is asked for the name. Thread-safe as far as the environment is.
#pragma once

#include <string>
#include <vector>

namespace haid::nodes {

struct OwnJob {
    std::string name;                // "17", "17_3" of an array, for squeue, scontrol and scancel
    std::string end_time;            // when Slurm will end it, as squeue writes that: local time, or "N/A"
    std::vector<std::string> nodes;  // that it has now: those that were lost are not among them
    std::string batch_node;          // on which its script runs
};

struct OwnJobSeen {
    OwnJob job;
    std::string fault;  // why it is not known; empty: it is
};
// Asks squeue, for 10 s at the most. Throws nothing.
OwnJobSeen look_at_own_job();

// "mixed", "down*"; empty where Slurm does not answer.
std::string state_of_node(const std::string& name);

// Back into the queue: it ends now, and its script runs again later. Or: it ends, for good. That job alone, whatever
// else its array has. Empty where Slurm has agreed, else why not, in its own words.
std::string requeue_own_job();
std::string cancel_own_job();

}  // namespace haid::nodes
