// Input sources: the values after `:::`, or the records of a file or of standard input.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command/input/pull.hpp"
#include "system/descriptor.hpp"

namespace haid::command {

// What applies to the records of every source.
struct RecordRules {
    std::string delimiter = "\n";
    bool split_values = false;              // -d: what stands after `:::` is cut, too
    bool skip_blank = false;                // -r: records of nothing but white space
    std::optional<std::string> end_marker;  // -E
    bool join_continued = false;            // -L: a record that ends in white space goes on in the next
};

class Source {
  public:
    virtual ~Source() = default;
    // Throws InputError. `value` is set only for Pull::value.
    virtual Pull next(std::string& value) = 0;
    // What to wait for after Pull::blocked.
    virtual int descriptor() const { return -1; }
    // How many values it has in all, where that can be said without taking them.
    virtual std::optional<std::uint64_t> count() { return std::nullopt; }
    // "line 3 of standard input": where the last value came from.
    virtual std::string place() const = 0;
};

std::unique_ptr<Source> list_source(const std::vector<std::string>& texts, std::string name, const RecordRules& rules);

// `path` "-": standard input. Throws InputError where it cannot be opened.
std::unique_ptr<Source> file_source(const std::string& path, const RecordRules& rules);

}  // namespace haid::command
