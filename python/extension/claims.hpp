// A semaphore of multiprocessing's with how many of it each process has taken and not given back, so that somebody can
// give back what those took that have ended. Shared with children that are forked later; a child has none of its
// parent's.
#pragma once

#include <nanobind/nanobind.h>
#include <semaphore.h>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "haid/detail/sync/shared_memory.hpp"

namespace haid::python {

// For 512 processes at a time; what more of them take is not counted. Wants the GIL, and lets it go while it waits.
// Cost: some nanoseconds beside the semaphore's own; the first claim of a process a look at /proc, recover one for each
// process.
class Claims {
  public:
    // `semaphore`: SemLock.handle, which is a sem_t; it outlives this object. `most`: SemLock.maxvalue.
    Claims(std::uintptr_t semaphore, int most)
        : memory_(entries * sizeof(Entry)), semaphore_(std::bit_cast<sem_t*>(semaphore)), most_(most) {}

    // As SemLock.acquire: whether one was taken. Taking and counting are one after the other, without the GIL between:
    // to wait for that is long enough to be killed in.
    bool acquire(bool block, std::optional<double> seconds);
    // Raises ValueError where there are as many as there were at first.
    void release();
    // It is somebody else's to give back. Nothing, where this process has none.
    void drop();
    // Gives back one of those that somebody had who has ended. Whether there was one.
    bool recover();

  private:
    // One word, so that it changes hands in one instant: whose it is (0: nobody's), and how many he has.
    using Entry = std::atomic<std::uint64_t>;
    static constexpr std::size_t entries = 512;  // a page

    Entry* table() const { return static_cast<Entry*>(memory_.data()); }
    Entry* mine();
    bool wait(Entry* entry, std::optional<double> seconds);
    Entry* new_place(std::uint64_t me);
    void count(Entry* entry);
    bool full() const;

    detail::SharedMemory memory_;
    sem_t* semaphore_;
    int most_;
    std::uint64_t owner_ = 0;  // whose place `mine_` is
    Entry* mine_ = nullptr;
};

void define_claims(nanobind::module_& module);

}  // namespace haid::python
