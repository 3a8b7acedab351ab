// The environment of jobs: the program's own, and what a job may know about itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command/job.hpp"

namespace haid::command {

struct EnvironmentSettings {
    std::string slot_variable;          // --process-slot-var: gets the slot, from 0
    int cpus_per_job = 1;               // HAID_CPUS, which every haid below takes as its limit
    bool limit_threads = true;          // OMP_NUM_THREADS and its kin, where they are unset
    std::optional<std::uint64_t> seed;  // HAID_SEED is made from it and the job's number; none: as it is here
};

class Environment {
  public:
    explicit Environment(const EnvironmentSettings& settings);

    // PARALLEL_SEQ, PARALLEL_JOBSLOT, HAID_NODE_SLOT, HAID_SEED and PARALLEL_PID besides. Valid until the next call.
    const char* const* of_job(const Job& job);

  private:
    // Those that change from job to job.
    std::vector<std::string> entries_of(const Job& job) const;

    EnvironmentSettings settings_;
    std::vector<std::string> own_;  // they come first
    std::vector<const char*> entries_;
};

}  // namespace haid::command
