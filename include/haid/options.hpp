// What can be chosen for a pool and for a call.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "haid/detail/sync/deadline.hpp"

namespace haid {

// What is out of its range throws std::invalid_argument where the pool is made, and so does what a ThreadPool has not:
// tasks_per_worker, nice and nodes.
struct PoolOptions {
    // 0: as many as CPUs may be used (see cpu_count()).
    int workers = 0;
    // Called in each worker before its first task. If it throws, the pool cannot work, and every call on it says why.
    std::function<void()> initializer = {};
    // A worker is replaced by a new one after so many tasks; 0: never.
    std::uint64_t tasks_per_worker = 0;
    // Added to the niceness of each worker, which is that of this process: 1 to 19, and the workers leave the CPUs to
    // whoever wants them; below 0 it needs a privilege (RLIMIT_NICE), and without it every call says so.
    int nice = 0;
    // "slurm": workers on all nodes of the Slurm job, `workers` on each; where a node is lost, its items run elsewhere.
    // Slurm starts this very program on each node, where main() is not called: its workers run what they are given.
    // Functions have to be the program's own, an initializer a plain function. Empty: this machine.
    std::string nodes = {};
};

// A length of time, made from any of std::chrono's: 1.5s, hours::max(). What nanoseconds cannot hold is the longest
// time that they can, and a NaN is 0.
struct Duration : std::chrono::nanoseconds {
    constexpr Duration() : std::chrono::nanoseconds(0) {}
    template <class Rep, class Period>
    constexpr Duration(std::chrono::duration<Rep, Period> time)
        : std::chrono::nanoseconds(detail::nanoseconds_in(time)) {}
};

// Named as designated initialisers want it: pool.map(f, items, {.timeout = 10s, .retries = 2}).
struct CallOptions {
    // Items that are sent to a worker together; 0: as many as take about half a millisecond, and fewer towards the end.
    // What a call does does not depend on it: a worker that has nothing to do is given what another has not begun.
    std::size_t chunk_size = 0;
    // What one item may take. Its worker is killed then, and the item fails with TimeoutError. 0, or more than some 95
    // years: no limit. A call with a negative time here or below throws std::invalid_argument.
    Duration timeout = {};
    // How often an item that has failed, in whatever way, is tried again.
    std::uint32_t retries = 0;
    // Waited for before the first retry of an item; twice as long before each further one.
    Duration backoff = std::chrono::milliseconds(100);
    // By default the items that have not begun are given up when one has failed for good. true: all are run.
    bool keep_going = false;
    // imap: how many items may be read from the input and not yet be taken by the caller; 0: as many as keep the
    // workers busy, at most some thousands.
    std::size_t buffer_size = 0;
    // Called as items end, in the thread that waits for the call, with how many have and how many there are (where
    // that is known). It may use the pool. What it throws ends the waiting.
    std::function<void(std::size_t done, std::optional<std::size_t> total)> progress = {};
};

}  // namespace haid
