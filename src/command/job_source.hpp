// From inputs to jobs: numbers them, fills in the template, leaves out what an earlier run has done. Where scripts are
// run, all jobs of the first come before those of the next, which get the same arguments.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/job.hpp"
#include "command/job_log.hpp"
#include "command/output/results.hpp"
#include "command/settings.hpp"

namespace haid::command {

// A command line must be shorter, in bytes. Linux's MAX_ARG_STRLEN: one argument, such as the line after `sh -c`, with
// the zero byte at its end (execve(2)).
inline constexpr std::size_t line_limit = 32 * 4096;

// Lines that hold several inputs are filled up to here, unless -s says how far: what GNU parallel finds
// (--show-limits), which leaves half of a line for what it wraps around commands. So it has the same inputs in a job.
inline constexpr std::size_t filled_line_limit = 63664;

// Where GNU parallel runs a job that is to have a folder of its own.
inline constexpr std::string_view own_directories = "...";

// A job that has a number but no slot yet.
struct NextJob {
    std::uint64_t sequence = 0;
    Arguments arguments;
    std::size_t script = 0;           // which of those of the settings
    std::optional<std::string> line;  // where it is known already
    std::optional<ResultPaths> results;
};

class JobSource {
  public:
    // Throws InputError, std::invalid_argument.
    JobSource(const RunSettings& settings, system::SpoolStore& store);

    // To be called until it says value; names of columns are known afterwards.
    Pull prepare();
    Pull next(NextJob& job);
    // Throws InputError where the command line is too long to be run.
    Job make(NextJob next, std::uint64_t slot) const;
    std::string tag_of(const Job& job) const;

    // Which files are a job's own: asked of each, in order, before it is asked whether it is new.
    void place_results(std::function<ResultPaths(const Job&)> place) { place_ = std::move(place); }
    // Only jobs for which this says no are new; called with the job as it would be in slot 1.
    void skip_where(std::function<bool(const Job&)> done) { done_ = std::move(done); }
    // A skipped job's number.
    void on_skip(std::function<void(std::uint64_t)> skipped) { skipped_ = std::move(skipped); }
    // In place of inputs: these commands.
    void use_commands(std::map<std::uint64_t, std::string> commands);

    std::optional<std::uint64_t> total();
    std::uint64_t skipped() const { return skipped_count_; }
    int descriptor() const { return records_ ? records_->descriptor() : -1; }
    const TemplateSettings& strings() const { return strings_; }
    bool line_depends_on_slot() const { return template_->uses_slot(); }
    std::vector<std::string> take_warnings() {
        return records_ ? records_->take_warnings() : std::vector<std::string>();
    }

  private:
    struct LineSize {
        std::size_t bytes = 0;
        std::size_t words = 0;
    };

    Pull next_of_all(NextJob& job);
    bool is_new(NextJob& job) const;
    void begin_batches();
    std::optional<std::uint64_t> attempts_of(const NextJob& job, std::uint64_t slot) const;
    std::string directory_of(const NextJob& job, std::uint64_t slot) const;
    Pull next_arguments(NextJob& job);
    std::string line_of(const Arguments& arguments, std::size_t script, std::uint64_t sequence,
                        std::uint64_t slot) const;
    LineSize largest_line(const Arguments& arguments) const;
    bool fits(const Arguments& arguments);
    bool fits(const LineSize& size) const;
    std::size_t limit() const;

    const RunSettings& settings_;
    TemplateSettings strings_;
    std::unique_ptr<Records> records_;
    std::unique_ptr<Batches> batches_;
    std::optional<Template> template_;
    std::optional<Template> tag_;
    std::optional<Template> directory_;
    std::optional<Template> retries_;
    std::optional<std::map<std::uint64_t, std::string>> commands_;
    std::size_t script_ = 0;  // which one gets the arguments
    std::uint64_t sequence_ = 0;
    std::uint64_t skipped_count_ = 0;
    LineSize measured_;                // no less than the size of the line being collected
    std::size_t measured_values_ = 0;  // so many of its values are in that
    std::size_t room_;                 // what the system takes for the words of one command
    std::function<ResultPaths(const Job&)> place_;
    std::function<bool(const Job&)> done_;
    std::function<void(std::uint64_t)> skipped_;
};

}  // namespace haid::command
