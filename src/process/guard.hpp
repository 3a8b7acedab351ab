// A small process that outlives the program by as long as its jobs need to be ended.
//
// Invariants. The guard holds the read end of a pipe whose only writer is the program (and, between clone and exec, a
// new job): it learns of the program's death whatever the cause, and not before every job that was being started has
// put its process group into the shared table. It ends the families of all groups in the table, and only then exits;
// descriptors it was given to hold (a locked job log) stay locked until then. Where the program works on a lease, the
// guard ends the groups when that has passed, too, whatever keeps the program from doing it. A guard that itself stood
// still when it passed does not know whether the program could have renewed it: it stops the groups, for as long as
// Standstill::patience, and lets them go on where the program renews it now. It has left the program's
// session, so that no signal to the program's group or terminal reaches it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "process/ladder.hpp"
#include "system/descriptor.hpp"
#include "system/shared_table.hpp"

namespace haid::process {

class Guard {
  public:
    // Forks; call it before threads start. `held`: descriptors that the guard keeps open as long as it lives. `lease`:
    // the first one, where the program works on leases.
    Guard(Ladder ladder, std::vector<int> held,
          std::optional<std::chrono::steady_clock::time_point> lease = std::nullopt);
    // In order: the guard goes without ending anything.
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    pid_t pid() const { return pid_; }
    // A guard that was killed is replaced; returns whether `pid` was the guard.
    bool replaced(pid_t pid);
    // It was stopped, and watches over nothing. It is continued with the next group that is enlisted a second or more
    // later: whoever stops the whole run, as Slurm does, stops us too, and would find his jobs without a lease.
    void was_stopped() { stopped_since_ = std::chrono::steady_clock::now(); }

    // The next lease, in whole seconds, rounded up; nullopt: jobs may run as long as the program. Only where there was
    // a first one.
    void set_lease(std::optional<std::chrono::steady_clock::time_point> until);

    // It has ended groups for want of a lease: what ended by a signal has not failed.
    bool ended_for_want_of_lease();

    // A free entry of the table, to be filled by system::spawn; give it back when the group has no member left.
    std::size_t enlist();
    std::atomic<pid_t>* record(std::size_t entry) { return &table_[entry]; }
    void discharge(std::size_t entry);

  private:
    void start();

    Ladder ladder_;
    std::vector<int> held_;
    system::SharedTable table_;  // see guard.cpp
    std::vector<std::size_t> free_;
    system::Descriptor lifeline_;
    pid_t pid_ = -1;
    std::optional<std::chrono::steady_clock::time_point> stopped_since_;
};

}  // namespace haid::process
