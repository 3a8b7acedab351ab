// A lock between processes as Python's multiprocessing means it: whoever wants to may release a Lock, only its holder
// an RLock. Has the members that multiprocessing.synchronize expects of its `_semlock`.
//
// A waiter looks now and then whether the holder still exists. Where it does not, one waiter learns it (OwnerDied), and
// the lock is free.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <cstdint>
#include <optional>

#include "haid/detail/sync/shared_memory.hpp"
#include "system/futex.hpp"

namespace haid::python {

// Shared with children that are forked later. Wants the GIL, and lets it go while it waits.
class ProcessLock {
  public:
    explicit ProcessLock(bool recursive) : memory_(sizeof(Shared)), recursive_(recursive) {}

    // Raises haid.OwnerDied.
    bool acquire(bool block, std::optional<double> seconds);
    // Raises ValueError, AssertionError as multiprocessing does.
    void release();

    bool is_mine() const;
    int count() const { return count_; }
    int value() const { return shared().holder.load() == 0 ? 1 : 0; }
    bool recursive() const { return recursive_; }
    // In a child: its parent's holding is not its own.
    void after_fork() { count_ = 0; }

  private:
    struct Shared {
        // The number of the process that holds it, and whether somebody sleeps; 0: nobody.
        system::FutexWord holder;
        // When that process was started, as far as it has told: numbers of processes are used again.
        std::atomic<std::uint64_t> holder_started;
    };
    static constexpr std::uint32_t somebody_sleeps = std::uint32_t{1} << 31;

    Shared& shared() const { return *static_cast<Shared*>(memory_.data()); }
    bool try_take(std::uint32_t sleepers);
    bool wait(std::optional<double> seconds);
    void look_after_holder();

    detail::SharedMemory memory_;
    bool recursive_;
    int count_ = 0;  // of this process
    unsigned long thread_ = 0;
};

void define_lock(nanobind::module_& module);

}  // namespace haid::python
