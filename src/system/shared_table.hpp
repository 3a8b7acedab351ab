// An array of atomics in anonymous shared memory: a process and its forks see the same one, and it is gone with the
// last.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>

namespace haid::system {

class SharedTable {
  public:
    // All entries 0. Pages that are never touched cost nothing. Throws SystemError.
    explicit SharedTable(std::size_t entries);
    ~SharedTable();
    SharedTable(const SharedTable&) = delete;
    SharedTable& operator=(const SharedTable&) = delete;

    std::size_t size() const { return entries_; }
    std::atomic<pid_t>& operator[](std::size_t index) { return table_[index]; }

  private:
    std::size_t entries_;
    std::atomic<pid_t>* table_;
};

}  // namespace haid::system
