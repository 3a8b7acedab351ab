// The rules of a run, for jobs and tasks alike: what may start when, what an ending means, who is to be ended and how.
//
// A state machine without a clock, a process or a system call of its own. Events come in as calls, each with the time;
// decisions go out as values:
//
//     while (auto permit = schedule.permit(now, …)) … start something … schedule.started(…)
//     for (auto signal : schedule.due(now)) … send it …
//     if (schedule.finished()) …           // nothing runs, nothing is left to start
//     wait until schedule.next() or until something happens
//
// Not thread-safe. Every call is O(log slots), but for due() and a change of a median time limit: O(slots).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "process/ladder.hpp"
#include "schedule/ending.hpp"
#include "schedule/halt.hpp"
#include "schedule/slots.hpp"
#include "schedule/timeout.hpp"

namespace haid::schedule {

using Id = std::uint64_t;  // of a job or task, chosen by the caller

// The time by which everything has to have ended, as in a batch job.
struct Closing {
    std::optional<Time> at;
    // A job takes so long; nullopt: as long as the longest that succeeded so far. None is started that would take
    // longer than there is time left.
    std::optional<Duration> per_job;
    // What still runs so long before the end is ended, so that all of it is told in time.
    Duration notice = std::chrono::seconds(10);
};

struct Policy {
    std::uint64_t slots = 1;
    std::uint64_t attempts = 1;  // 0: again and again until it succeeds
    Duration delay{};            // between two starts
    Halt halt;
    Timeout timeout;
    process::Ladder ladder = process::default_ladder();
    Closing closing;
};

class Schedule {
  public:
    explicit Schedule(Policy policy);

    // -- starting
    struct Permit {
        Slot slot;
        std::optional<Id> again;  // start this one once more; else the next input
        std::uint64_t attempt;    // from 1
        bool was_lost = false;    // where it ran, once
    };
    // `input_ready`: a new one could be started now. A slot is taken until started() and ended(), or withdrawn().
    std::optional<Permit> permit(Time now, bool input_ready);
    // `attempts`: of this one, where it has its own; else the policy's.
    void started(const Permit& permit, Id id, Time now, std::optional<std::uint64_t> attempts = std::nullopt);
    // It could not be started after all; nothing is permitted before `retry_at`.
    void withdrawn(const Permit& permit, Time retry_at);
    // There is no room for this one where it may run, while others find some: it comes first when something has ended
    // or the slots have changed. Only for what is started again.
    void postponed(const Permit& permit);
    void input_ended() { exhausted_ = true; }

    // -- what happened
    struct Verdict {
        enum class Next {
            report,  // final: it counts, its outcome is told and logged
            again,   // it will be permitted once more
            forget   // ended because the run stops: neither counted nor logged, so that a resume runs it
        } next;
        Cause cause;
        bool used_attempt = true;
    };
    Verdict ended(Slot slot, bool succeeded, Time now);
    // Where it ran is lost. The first time it goes back without using up an attempt; after that it has failed each
    // time, for it may be what ends them.
    Verdict lost(Slot slot, Time now);
    void set_total(std::uint64_t inputs) { total_ = inputs; }
    void set_slots(std::uint64_t slots);
    // The process was suspended: time limits and ladders wait as long.
    void suspended(Duration pause);
    // While held nothing starts: output is not taken.
    void hold(bool held) { held_ = held; }

    // -- stopping
    void stop_starting() { stopping_ = true; }
    void end_all(Time now);
    // It fails; for want of memory it goes back to the queue, without using up an attempt. Nothing happens where
    // nothing runs in the slot.
    void end_one(Slot slot, Cause cause, Time now);

    // -- what is to be done, and when
    struct Signal {
        Slot slot;
        int number;  // 0: the ladder has ended, nothing follows
        Cause cause;
        bool first;  // the first rung: worth telling
    };
    std::vector<Signal> due(Time now);
    std::optional<Time> next() const;
    bool finished() const {
        return slots_.taken() == 0 && ((exhausted_ && again_.empty() && postponed_.empty()) || stopping_);
    }

    // Something was not started, or not left to end, for want of time.
    bool out_of_time() const { return out_of_time_; }
    // A job is taken to need so long.
    Duration expected() const { return policy_.closing.per_job.value_or(longest_); }

    // What runs in the slot is being ended by this schedule.
    bool is_ending(Slot slot) const { return running_.at(slot).cause != Cause::none; }

    const Tally& tally() const { return tally_; }
    bool stopping() const { return stopping_; }
    // The halt condition was met.
    bool halted() const { return halted_; }
    std::optional<std::uint64_t> total() const { return total_; }
    std::uint64_t running() const { return running_.size(); }

  private:
    struct Running {
        Id id;
        std::uint64_t attempt;
        std::uint64_t attempts;
        bool was_lost;
        Time since;
        Cause cause = Cause::none;
        std::size_t rung = 0;  // the next one
        Time rung_due{};
    };
    struct Waiting {
        Id id;
        std::uint64_t attempt;
        bool was_lost;
    };

    void end(Running& running, Cause cause, Time now);
    std::size_t rungs() const;
    std::optional<Time> last_call() const;
    std::optional<Time> deadline(const Running& running) const;
    void find_earliest();
    void look_at_postponed();

    Policy policy_;
    Slots slots_;
    TimeoutRule timeout_;
    Tally tally_;
    std::optional<std::uint64_t> total_;
    std::unordered_map<Slot, Running> running_;
    std::deque<Waiting> again_;
    std::deque<Waiting> postponed_;
    std::optional<Time> start_after_;
    std::optional<Time> earliest_;  // no later than the first deadline or rung
    bool exhausted_ = false;
    bool stopping_ = false;
    bool halted_ = false;
    bool held_ = false;
    bool out_of_time_ = false;
    bool called_ = false;  // what runs is being ended, for the time is up
    Duration longest_{};   // of those that succeeded
};

}  // namespace haid::schedule
