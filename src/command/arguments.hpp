// What a job's template is filled with.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace haid::command {

// The values of one or more input records, one after the other.
struct Arguments {
    std::vector<std::string> values;
    std::vector<std::size_t> columns;  // of each value in its record, from 1
    std::size_t records = 0;
    std::string script;  // that gets them, as it was named; empty: it is no script that runs

    void append(std::vector<std::string> record) {
        for (std::size_t column = 0; column < record.size(); ++column) {
            values.push_back(std::move(record[column]));
            columns.push_back(column + 1);
        }
        ++records;
    }

    // Requires records > 0.
    std::vector<std::string> take_last_record() {
        std::vector<std::string> record(columns.back());
        for (std::size_t column = record.size(); column-- > 0;) {
            record[column] = std::move(values.back());
            values.pop_back();
            columns.pop_back();
        }
        --records;
        return record;
    }
};

}  // namespace haid::command
