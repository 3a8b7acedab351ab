#include "command/kept.hpp"

#include <fmt/format.h>

#include <utility>

#include "command/output/result_places.hpp"
#include "system/tell.hpp"

namespace haid::command {
namespace {

std::unique_ptr<JobLog> open_log(const RunSettings& settings) {
    if (settings.job_log.empty() || settings.prints_job_log()) return nullptr;
    if (settings.dry_run) return JobLog::to_look_at(settings.job_log, settings.resume);
    return std::make_unique<JobLog>(settings.job_log, settings.resume, settings.append_job_log, [&] {
        // Nothing else prints yet.
        system::tell("{}: waiting for the run that still writes the job log '{}'\n", settings.program_name,
                     settings.job_log);
    });
}

}  // namespace

Kept::Kept(const RunSettings& settings, std::function<void(const std::string&)> say)
    : settings_(settings), say_(std::move(say)), log_(open_log(settings)) {}

void Kept::prepare(JobSource& source, Printer& printer) {
    if (!settings_.results.empty()) open_results(source, printer);
    // What has failed comes from the log itself.
    if (settings_.resume == Resume::no || settings_.resume == Resume::retry_failed) return;
    source.skip_where(
        [this, by_number = source.line_depends_on_slot()](const Job& job) { return is_done(job, by_number); });
}

void Kept::open_results(JobSource& source, Printer& printer) {
    const Past past = settings_.dry_run ? Past::looked_at : settings_.resume == Resume::no ? Past::none : Past::goes_on;
    results_ = make_results(settings_.results, source.strings(), printer, past, say_);
    ResultPlaces* places = results_->places();
    if (places == nullptr) return;
    if (settings_.scripts.size() > 1 && !places->tells_scripts_apart()) {
        throw InputError(
            fmt::format("--results {}: all scripts would write the same files; put {{script}} into it "
                        "({{script/.}}: its name without folder and extension)",
                        settings_.results));
    }
    if (!places->uses_slot()) source.place_results([places](const Job& job) { return places->next(job); });
}

void Kept::place(Job& job) {
    if (job.results || !results_ || results_->places() == nullptr) return;
    job.results = results_->places()->next(job);
}

bool Kept::is_done(const Job& job, bool by_number) {
    if (PastJobs* past = log_ ? &log_->past() : results_->past()) return is_done(job, *past, by_number);
    const std::optional<bool> succeeded = results_->succeeded(job);
    return succeeded && (settings_.resume != Resume::failed || *succeeded);
}

bool Kept::is_done(const Job& job, PastJobs& past, bool by_number) {
    const bool even_failed = settings_.resume != Resume::failed;
    if (by_number) {
        const PastJobs::Entry* entry = past.find(job.sequence);
        return entry != nullptr && (even_failed || entry->succeeded);
    }
    const bool differed = past.numbers_differ();
    const bool done = past.done(job.sequence, job.line, even_failed);
    if (!differed && past.numbers_differ()) {
        say_(
            fmt::format("the {} has another command for job {} than '{}': from here on jobs are found in it by their "
                        "commands, and those that are not there are run",
                        log_ ? "job log" : "table", job.sequence, job.line));
    }
    return done;
}

}  // namespace haid::command
