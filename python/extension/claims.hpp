// How many of something each process has taken and not given back, so that somebody can give back what those took that
// have ended. Shared with children that are forked later; a child has none of its parent's.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "haid/detail/sync/shared_memory.hpp"

namespace haid::python {

// For 256 processes at a time; what more of them take is not counted. Wants the GIL. take and drop: some nanoseconds,
// the first one of a process a look at /proc; ended: such a look for each process.
class Claims {
  public:
    Claims() : memory_(entries * sizeof(Entry)) {}

    void take();
    // Nothing, where this process has none.
    void drop();
    // How many those had that have ended. They are told once.
    std::int64_t ended();

  private:
    struct Entry {
        std::atomic<std::uint64_t> owner;  // 0: nobody
        std::atomic<std::int64_t> count;
    };
    static constexpr std::size_t entries = 256;  // a page

    Entry* table() const { return static_cast<Entry*>(memory_.data()); }
    Entry* mine();
    bool found_new_place(std::uint64_t me);

    detail::SharedMemory memory_;
    std::uint64_t owner_ = 0;  // whose place `mine_` is
    Entry* mine_ = nullptr;
};

void define_claims(nanobind::module_& module);

}  // namespace haid::python
