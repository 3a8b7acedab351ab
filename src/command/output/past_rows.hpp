// What a table of results holds already.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "command/job_log.hpp"

namespace haid::command {

struct PastRows {
    PastJobs jobs;
    std::vector<std::string> columns;  // of a separated table: its header
    std::uint64_t whole_size = 0;      // bytes that are whole rows
};

// `separator`: ',' or a tab; 0 for objects, one a line. Reads a row at a time, however large the table is. A last row
// without an end was being written when its program died: it does not count. Throws SystemError, or
// std::invalid_argument naming a row that is not of such a table.
PastRows read_rows(int fd, char separator, const std::string& path);

}  // namespace haid::command
