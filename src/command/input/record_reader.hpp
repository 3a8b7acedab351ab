// Cuts a descriptor's bytes into delimited records, in constant memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "command/input/pull.hpp"
#include "system/descriptor.hpp"

namespace haid::command {

class RecordReader {
  public:
    // A longer record cannot become part of a command: Linux's limit on a command line and its environment is 2 MiB by
    // default (a quarter of the default stack limit, execve(2)).
    static constexpr std::size_t longest_record = 2 * 1024 * 1024;

    RecordReader(system::Descriptor file, std::string delimiter, std::string name);

    // The record without its delimiter; valid until the next call. The last one may lack the delimiter. A byte order
    // mark at the start of a text (anything but records that end in a zero byte) is left out.
    // Throws InputError for a record that is too long or a file that cannot be read.
    Pull next(std::string_view& record);

    int descriptor() const { return file_.get(); }
    std::string place() const;
    // The number of records of a regular file from where it stands now; reads it once, at some GB/s.
    std::optional<std::uint64_t> count() const;

  private:
    // Two pages more or less make no difference; at 64 KiB the cost of a read is 1 % of the records in it.
    static constexpr std::size_t read_size = 64 * 1024;
    Pull begin();
    Pull refill();

    system::Descriptor file_;
    std::string delimiter_;
    std::string name_;
    std::string buffer_;
    std::size_t start_ = 0;    // of the record being cut
    std::size_t scanned_ = 0;  // no delimiter before here
    std::uint64_t records_ = 0;
    bool at_end_ = false;
    bool begun_;  // what stands at the start has been looked at
};

}  // namespace haid::command
