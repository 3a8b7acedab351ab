// --results: what the jobs wrote, kept in files: a folder for each job, or one table.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/job.hpp"
#include "command/template.hpp"
#include "system/descriptor.hpp"

namespace haid::command {

class Printer;

class Results {
  public:
    virtual ~Results() = default;
    // Takes the job's output. Throws SystemError naming the file.
    virtual void keep(FinishedJob& finished) = 0;
    // The job's own files; none where all jobs share one.
    virtual std::optional<ResultPaths> paths(const Job&) const { return std::nullopt; }
    // There is a result of this job from an earlier run.
    virtual bool has(const Job& job) = 0;
};

// Writes a job's own files, the one with its number last. Throws SystemError naming the file.
void keep_in_files(const ResultPaths& paths, std::uint64_t sequence, system::Spool& output, system::Spool& error);

// `where`: "x.csv", "x.tsv", "x.json" (standard output for "-.csv" …), else a folder or a template of paths.
// `names`: of the columns, where the inputs have a header. Throws SystemError where a table cannot be opened.
std::unique_ptr<Results> make_results(const std::string& where, const TemplateSettings& settings, Printer& printer);

}  // namespace haid::command
