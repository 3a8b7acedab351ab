// What it means that a job of a run has ended: whether it is tried again, ends the run, is printed; and who is told.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "command/doubtful_endings.hpp"
#include "command/exit_status.hpp"
#include "command/output/output.hpp"
#include "command/running_jobs.hpp"
#include "command/settings.hpp"
#include "command/supply.hpp"
#include "schedule/schedule.hpp"

namespace haid::command {

// The schedule decides, at once. Whoever listens is told once of each attempt: of the last one when all that the job
// wrote has been delivered, of the others when they have ended.
class Endings {
  public:
    // All that is referred to outlives this.
    struct Parts {
        const RunSettings& settings;
        schedule::Schedule& schedule;
        RunningJobs& running;
        Supply& supply;
        Output& output;
        ExitStatus& exit_status;
        std::function<void(const std::string&)> say;
    };
    explicit Endings(Parts parts) : parts_(std::move(parts)) {}

    // Told in the order in which they were added; the listener outlives this.
    void add(schedule::EndingListener& listener) { listeners_.push_back(&listener); }

    // -- as the runner tells it; a slot in which nothing runs is one in which a fault struck between start and news
    void ended(std::uint64_t slot, JobEnd&& end);
    // Where it ran is lost; the end is what is known of it.
    void lost(std::uint64_t slot, JobEnd&& end);

    // What died of a SIGTERM by then has ended as any other.
    void end_doubts(system::Time now);
    std::optional<system::Time> next_doubt() const { return doubtful_.next(); }

    // -- as the output tells it
    void delivered(const FinishedJob& finished);
    // Nothing more will be.
    void tell_undelivered();

  private:
    using Verdict = schedule::Schedule::Verdict;
    void conclude(std::uint64_t slot, JobEnd&& end);
    void conclude(std::uint64_t slot, JobEnd&& end, const Verdict& verdict, bool stopping_before);
    void judge_halt(const FinishedJob& finished);
    void tell(const schedule::Ending& ending);

    Parts parts_;
    std::vector<schedule::EndingListener*> listeners_;
    DoubtfulEndings doubtful_;
};

}  // namespace haid::command
