// --results x.csv, x.tsv, x.json: one table of all jobs, a row each.
//
// Rows are whole: what a full disk has cut off is taken back, and a run that goes on from a table (Past::goes_on)
// begins after its last whole row.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "command/output/results.hpp"

namespace haid::command {

// nullptr: `where` is no table. See make_results.
std::unique_ptr<Results> make_table(const std::string& where, const std::vector<std::string>& names, Printer& printer,
                                    Past past);

}  // namespace haid::command
