// Records kept until they are asked for, in order or shuffled; what does not fit into memory lies in a temporary file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "system/descriptor.hpp"

namespace haid::command {

class RecordSpool {
  public:
    // `directory`: where the temporary file goes, should there be need of one.
    RecordSpool(std::string directory, bool shuffle) : directory_(std::move(directory)), shuffle_(shuffle) {}

    void add(const std::vector<std::string>& record);
    // After the last add, before the first next.
    void finish();
    bool next(std::vector<std::string>& record);
    // From the first again, in the same order; not before finish.
    void rewind();
    std::uint64_t size() const { return size_; }

  private:
    // Inputs of this size are kept in memory altogether.
    static constexpr std::size_t memory = 4 * 1024 * 1024;
    void flush();
    std::string read(std::uint64_t at, std::size_t size);

    std::string directory_;
    bool shuffle_;
    std::string buffer_;              // the end of what was written; when reading, a window
    std::uint64_t buffer_start_ = 0;  // its place in the whole
    std::uint64_t end_ = 0;
    std::uint64_t position_ = 0;
    std::uint64_t size_ = 0;
    std::uint64_t next_ = 0;
    std::vector<std::uint64_t> order_;  // where records begin, for a shuffle
    system::Descriptor file_;
};

}  // namespace haid::command
