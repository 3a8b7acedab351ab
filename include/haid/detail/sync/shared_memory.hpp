// Memory that a process shares with the children it forks, and they with theirs.
#pragma once

#include <cstddef>

namespace haid::detail {

// An anonymous mapping: it has no name and is gone with the last process that has it, however that ends. All zero at
// first; pages never touched cost nothing. Each process unmaps its own view, and nobody else's.
class SharedMemory {
  public:
    // Rounded up to whole pages, at least one. Throws std::system_error (ENOMEM).
    explicit SharedMemory(std::size_t bytes);
    ~SharedMemory();
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    // Aligned to a page.
    void* data() const noexcept { return data_; }

  private:
    std::size_t bytes_;
    void* data_;
};

}  // namespace haid::detail
