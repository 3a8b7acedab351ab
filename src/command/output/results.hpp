// --results: what the jobs wrote, kept in files: a folder for each job, or one table.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/job.hpp"
#include "command/job_log.hpp"
#include "command/template.hpp"
#include "system/descriptor.hpp"

namespace haid::command {

class Printer;
class ResultPlaces;

class Results {
  public:
    virtual ~Results() = default;
    // Takes the job's output. Throws SystemError naming the file.
    virtual void keep(FinishedJob& finished) = 0;
    // Who says which files are a job's own (Job::results); nullptr: all jobs share one.
    virtual ResultPlaces* places() { return nullptr; }
    // Of a job whose output was kept in its files elsewhere, without its mark: how it ended is known only now.
    virtual void mark(const FinishedJob&) {}
    // What earlier runs have left: how a job with the same files ended; nullopt: there is no whole result of it.
    virtual std::optional<bool> succeeded(const Job&) const { return std::nullopt; }
    // The same of a table, whose rows tell what a job log's lines tell; nullptr: no table.
    virtual PastJobs* past() { return nullptr; }
};

// What becomes of the rows that a table has: it begins anew, goes on after them, or is only looked at.
enum class Past { none, goes_on, looked_at };

// Writes a job's own files without its mark: a result that is not whole has none. Throws SystemError naming the file.
void keep_in_files(const ResultPaths& paths, system::Spool& output, system::Spool& error);

// The mark: the file with the job's number, written last; before it, "status" (exit status and signal) where it failed.
// Throws SystemError naming the file.
void mark_in_files(const ResultPaths& paths, const schedule::Ending& ending);

// `where`: "x.csv", "x.tsv", "x.json" (standard output for "-.csv" …), else a folder or a template of paths.
// `names`: of the columns, where the inputs have a header. Throws SystemError where a table cannot be opened,
// std::invalid_argument where it goes on and is none of ours.
std::unique_ptr<Results> make_results(const std::string& where, const TemplateSettings& settings, Printer& printer,
                                      Past past, std::function<void(const std::string&)> say);

}  // namespace haid::command
