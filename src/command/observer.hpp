// Where a run can be watched from: a progress line, a summary.
#pragma once

#include <cstdint>
#include <optional>

#include "command/job.hpp"
#include "system/event_loop.hpp"

namespace haid::command {

// How far a run is.
struct Status {
    std::optional<std::uint64_t> total;  // jobs of this run, where that can be known
    std::uint64_t done = 0;              // ended, in this run
    std::uint64_t failed = 0;
    std::uint64_t running = 0;
    std::uint64_t skipped = 0;  // done by an earlier run
    system::Time since{};
    system::Time now{};
};

// Calls come from the run's own loop; nothing here may block.
class Observer {
  public:
    virtual ~Observer() = default;
    // The job's final outcome.
    virtual void on_end(const Job&, const Outcome&) {}
    // Something else is about to write to the terminal.
    virtual void make_room() {}
    // Called when `next_look` has come.
    virtual void look(const Status&) {}
    virtual std::optional<system::Time> next_look() const { return std::nullopt; }
    // The run has ended and everything is printed.
    virtual void on_finish(const Status&) {}
};

}  // namespace haid::command
