// --results: what the jobs wrote, kept in files: a folder for each job, or one table.
#pragma once

#include <memory>
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
    // There is a result of this job from an earlier run.
    virtual bool has(const Job& job) = 0;
};

// `where`: "x.csv", "x.tsv", "x.json" (standard output for "-.csv" …), else a folder or a template of paths.
// `names`: of the columns, where the inputs have a header. Throws SystemError where a table cannot be opened.
std::unique_ptr<Results> make_results(const std::string& where, const TemplateSettings& settings, Printer& printer);

}  // namespace haid::command
