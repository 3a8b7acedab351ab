// Where a run can be watched from: a progress line, a summary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "schedule/ending.hpp"
#include "system/event_loop.hpp"

namespace haid::command {

// How far a run is.
struct Status {
    std::optional<std::uint64_t> total;  // jobs of this run, where that can be known
    std::uint64_t done = 0;              // ended, in this run
    std::uint64_t failed = 0;
    std::uint64_t running = 0;
    std::uint64_t skipped = 0;  // done by an earlier run
    bool typing = false;        // inputs are read from a terminal, where a person types them
    system::Time since{};
    system::Time now{};
};

// A line without its end.
struct Shown {
    std::string text;
    bool stays = false;  // else the next one, or whatever is printed, takes its place
};

// Calls come from the run's own loop; nothing here may block.
class Observer : public schedule::EndingListener {
  public:
    void on_ending(const schedule::Ending&) override {}
    // What is to be shown now, when `next_look` has come; the run prints it, for only that never waits for a terminal.
    virtual Shown look(const Status&) { return {}; }
    virtual std::optional<system::Time> next_look() const { return std::nullopt; }
    // What is to be told when the run has ended and everything is printed: whole lines.
    virtual std::string on_finish(const Status&) { return {}; }
};

}  // namespace haid::command
