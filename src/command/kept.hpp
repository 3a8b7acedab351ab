// What a run keeps, in its job log and its results; and what earlier runs have kept there, which need not be run again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "command/job_log.hpp"
#include "command/job_source.hpp"
#include "command/output/results.hpp"
#include "command/settings.hpp"

namespace haid::command {

class Kept {
  public:
    // Opens the job log, which may wait for another run. Throws SystemError, std::invalid_argument.
    Kept(const RunSettings& settings, std::function<void(const std::string&)> say);

    // nullptr: there is none, or it is printed. Where nothing is run, nothing may be written to it.
    JobLog* log() { return log_.get(); }

    // Opens the results, and tells the source where its jobs' own are, and which jobs are done. To be called once,
    // where the names of columns are known. Throws InputError, SystemError, std::invalid_argument.
    void prepare(JobSource& source, Printer& printer);
    // nullptr: there are none.
    Results* results() { return results_.get(); }
    // Where a place depends on the slot: that of the first start.
    void place(Job& job);

  private:
    void open_results(JobSource& source, Printer& printer);
    bool is_done(const Job& job, bool by_number);
    bool is_done(const Job& job, PastJobs& past, bool by_number);

    const RunSettings& settings_;
    std::function<void(const std::string&)> say_;
    std::unique_ptr<JobLog> log_;
    std::unique_ptr<Results> results_;
};

}  // namespace haid::command
