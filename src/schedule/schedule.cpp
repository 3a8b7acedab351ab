#include "schedule/schedule.hpp"

#include <signal.h>

#include <algorithm>

#include "schedule/retries.hpp"

namespace haid::schedule {

Schedule::Schedule(Policy policy)
    : policy_(std::move(policy)), slots_(std::max<std::uint64_t>(policy_.slots, 1)), timeout_(policy_.timeout) {}

std::optional<Schedule::Permit> Schedule::permit(Time now, bool input_ready) {
    if (stopping_ || held_ || !slots_.available() || (again_.empty() && !input_ready)) return std::nullopt;
    if (start_after_ && now < *start_after_) return std::nullopt;
    start_after_.reset();
    if (auto end = last_call(); end && now + expected() > *end) {
        out_of_time_ = true;
        stop_starting();
        return std::nullopt;
    }
    if (again_.empty()) return Permit{slots_.take(), std::nullopt, 1};
    Waiting waiting = again_.front();
    again_.pop_front();
    return Permit{slots_.take(), waiting.id, waiting.attempt, waiting.was_lost};
}

void Schedule::started(const Permit& permit, Id id, Time now, std::optional<std::uint64_t> attempts) {
    auto [entry, inserted] = running_.insert_or_assign(
        permit.slot, Running{id, permit.attempt, attempts.value_or(policy_.attempts), permit.was_lost, now});
    if (!permit.again) ++tally_.started;
    if (policy_.delay > Duration::zero()) start_after_ = now + policy_.delay;
    if (auto end = deadline(entry->second)) earliest_ = earliest_ ? std::min(*earliest_, *end) : *end;
}

void Schedule::withdrawn(const Permit& permit, Time retry_at) {
    slots_.give_back(permit.slot);
    if (permit.again) again_.push_front({*permit.again, permit.attempt, permit.was_lost});
    start_after_ = retry_at;
}

void Schedule::postponed(const Permit& permit) {
    slots_.give_back(permit.slot);
    postponed_.push_back({*permit.again, permit.attempt, permit.was_lost});
}

void Schedule::look_at_postponed() {
    again_.insert(again_.begin(), postponed_.begin(), postponed_.end());
    postponed_.clear();
}

void Schedule::set_slots(std::uint64_t slots) {
    slots_.set_limit(slots);
    look_at_postponed();
}

Schedule::Verdict Schedule::ended(Slot slot, bool succeeded, Time now) {
    look_at_postponed();
    auto entry = running_.find(slot);
    Running running = entry->second;
    running_.erase(entry);
    slots_.give_back(slot);
    using Next = Verdict::Next;
    bool goes_back = running.cause == Cause::memory || running.cause == Cause::lost;
    if (running.cause == Cause::stop || (goes_back && stopping_)) return {Next::forget, running.cause};
    if (goes_back && !(running.cause == Cause::lost && running.was_lost)) {
        again_.push_back({running.id, running.attempt, running.was_lost || running.cause == Cause::lost});
        return {Next::again, running.cause, false};
    }
    succeeded = succeeded && running.cause == Cause::none;
    if (!succeeded && !stopping_ && Retries{running.attempts}.again(running.attempt)) {
        again_.push_front({running.id, running.attempt + 1, running.was_lost});
        return {Next::again, running.cause};
    }
    if (succeeded) {
        ++tally_.succeeded;
        timeout_.succeeded(now - running.since);
        longest_ = std::max(longest_, now - running.since);
        if (policy_.timeout.of_median) find_earliest();
    } else {
        ++tally_.failed;
    }
    if (!halted_ && reached(policy_.halt, tally_, total_)) {
        halted_ = true;
        stop_starting();
        if (policy_.halt.when == Halt::When::now) end_all(now);
    }
    return {Next::report, running.cause};
}

Schedule::Verdict Schedule::lost(Slot slot, Time now) {
    Running& running = running_.at(slot);
    // Even where it was being ended for taking too long: nobody knows whether it had not ended before.
    if (running.cause != Cause::stop) running.cause = Cause::lost;
    return ended(slot, false, now);
}

void Schedule::end(Running& running, Cause cause, Time now) {
    // Whoever is being ended already keeps its place on the ladder; a stop outranks the other causes.
    bool on_ladder = running.cause != Cause::none;
    if (!on_ladder || cause == Cause::stop) running.cause = cause;
    if (on_ladder) return;
    running.rung = 0;
    running.rung_due = now;
    earliest_ = now;
}

void Schedule::end_all(Time now) {
    stop_starting();
    for (auto& [slot, running] : running_) end(running, Cause::stop, now);
}

void Schedule::end_one(Slot slot, Cause cause, Time now) {
    auto running = running_.find(slot);
    if (running != running_.end()) end(running->second, cause, now);
}

std::optional<Time> Schedule::deadline(const Running& running) const {
    if (running.cause != Cause::none) {
        return running.rung < rungs() ? std::optional(running.rung_due) : std::nullopt;
    }
    auto limit = timeout_.limit();
    return limit ? std::optional(running.since + *limit) : std::nullopt;
}

// What SIGKILL has hit ends; of another last rung somebody has to be told that nothing follows.
std::size_t Schedule::rungs() const {
    const process::Ladder& ladder = policy_.ladder;
    return ladder.size() + (ladder.empty() || ladder.back().signal != SIGKILL ? 1 : 0);
}

void Schedule::find_earliest() {
    earliest_.reset();
    for (const auto& [slot, running] : running_) {
        if (auto end = deadline(running)) earliest_ = earliest_ ? std::min(*earliest_, *end) : *end;
    }
}

// Whatever runs then is ended.
std::optional<Time> Schedule::last_call() const {
    const Closing& closing = policy_.closing;
    return closing.at ? std::optional(*closing.at - closing.notice) : std::nullopt;
}

std::vector<Schedule::Signal> Schedule::due(Time now) {
    std::vector<Signal> signals;
    if (auto end = last_call(); end && now >= *end && !running_.empty() && !called_) {
        called_ = out_of_time_ = true;
        end_all(now);
    }
    if (!earliest_ || now < *earliest_) return signals;
    for (auto& [slot, running] : running_) {
        auto end_time = deadline(running);
        if (!end_time || now < *end_time) continue;
        if (running.cause == Cause::none) end(running, Cause::timeout, now);
        const process::Rung rung =
            running.rung < policy_.ladder.size() ? policy_.ladder[running.rung] : process::Rung{};
        signals.push_back({slot, rung.signal, running.cause, running.rung == 0});
        running.rung_due = now + rung.wait;
        ++running.rung;
    }
    find_earliest();
    return signals;
}

void Schedule::suspended(Duration pause) {
    for (auto& [slot, running] : running_) {
        running.since += pause;
        running.rung_due += pause;
    }
    if (start_after_) *start_after_ += pause;
    find_earliest();
}

std::optional<Time> Schedule::next() const {
    std::optional<Time> time = earliest_;
    bool wants_start = !stopping_ && !held_ && slots_.available() && !(exhausted_ && again_.empty());
    if (wants_start && start_after_) time = time ? std::min(*time, *start_after_) : *start_after_;
    if (auto end = last_call(); end && !running_.empty() && !called_) time = time ? std::min(*time, *end) : *end;
    return time;
}

}  // namespace haid::schedule
