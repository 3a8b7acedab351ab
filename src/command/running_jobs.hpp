// The jobs that run at this moment, and what they write meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "command/output/output.hpp"
#include "command/runner.hpp"

namespace haid::command {

// A job is known by its slot.
class RunningJobs {
  public:
    struct One {
        Job job;
        std::uint64_t attempt;
        system::Time since;
        std::uint64_t streamed_bytes = 0;  // of standard output
    };
    // `attempts`: of those that have no limit of their own.
    RunningJobs(Output& output, std::uint64_t attempts) : output_(output), attempts_(attempts) {}

    const Job& started(Job&& job, std::uint64_t attempt, system::Time now);
    // nullptr: nothing runs there.
    const One* find(std::uint64_t slot) const;
    FinishedJob ended(std::uint64_t slot, JobEnd&& end, schedule::Cause cause);
    // A line for each, in the order of their numbers.
    std::vector<std::string> list(system::Time now) const;

    // As a runner tells it.
    void on_output(std::uint64_t slot, Stream stream, std::string_view data);
    void on_much_output(std::uint64_t slot, Stream stream, system::Spool& data);
    std::optional<std::size_t> on_readable(std::uint64_t slot, Stream stream, int pipe, std::size_t limit);

  private:
    One* that_may_print_early(std::uint64_t slot, Stream stream);

    Output& output_;
    std::uint64_t attempts_;
    std::unordered_map<std::uint64_t, One> by_slot_;
};

}  // namespace haid::command
