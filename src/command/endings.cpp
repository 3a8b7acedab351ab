#include "command/endings.hpp"

#include <fmt/format.h>

#include <utility>

namespace haid::command {

using schedule::Cause;
using system::Clock;

void Endings::ended(std::uint64_t slot, JobEnd&& end) {
    if (parts_.running.find(slot) == nullptr) return;
    const bool in_doubt = DoubtfulEndings::is_doubtful(end) && !parts_.schedule.is_ending(slot);
    if (!in_doubt) return conclude(slot, std::move(end));
    doubtful_.add(slot, std::move(end), Clock::now());
}

void Endings::end_doubts(system::Time now) {
    while (auto one = doubtful_.take(now)) conclude(one->slot, std::move(one->end));
}

void Endings::lost(std::uint64_t slot, JobEnd&& end) {
    if (parts_.running.find(slot) == nullptr) return;
    const bool stopping_before = parts_.schedule.stopping();
    const Verdict verdict = parts_.schedule.lost(slot, Clock::now());
    if (verdict.next != Verdict::Next::forget && verdict.used_attempt) {
        const Job& job = parts_.running.find(slot)->job;
        parts_.say(fmt::format("job {} ran on two nodes that were lost, which counts as a failure: {}", job.sequence,
                               job.line));
    }
    conclude(slot, std::move(end), verdict, stopping_before);
}

void Endings::conclude(std::uint64_t slot, JobEnd&& end) {
    const bool stopping_before = parts_.schedule.stopping();
    const bool succeeded = end.ending.exit_status == 0 && end.ending.signal == 0;
    conclude(slot, std::move(end), parts_.schedule.ended(slot, succeeded, Clock::now()), stopping_before);
}

void Endings::conclude(std::uint64_t slot, JobEnd&& end, const Verdict& verdict, bool stopping_before) {
    if (end.host.empty()) end.host = parts_.settings.host;
    FinishedJob finished = parts_.running.ended(slot, std::move(end), verdict.cause);
    switch (verdict.next) {
        case Verdict::Next::again: {
            schedule::Ending ending = finished.ending();
            ending.again = true;
            tell(ending);
            return parts_.supply.again(std::move(finished.job), verdict.used_attempt ? &finished.end.host : nullptr);
        }
        case Verdict::Next::forget:
            parts_.output.gone(finished.job.sequence);
            parts_.exit_status.left_jobs();
            finished.cause = Cause::stop;
            return tell(finished.ending());
        case Verdict::Next::report:
            if (parts_.settings.policy.halt.active() && !stopping_before) judge_halt(finished);
            parts_.output.finished(std::move(finished));
    }
}

// It acts before the output is printed: the exit status is that of the ending that has met the condition.
void Endings::judge_halt(const FinishedJob& finished) {
    using On = schedule::Halt::On;
    const schedule::Halt& halt = parts_.settings.policy.halt;
    const schedule::Schedule& schedule = parts_.schedule;
    const schedule::Ending ending = finished.ending();
    const bool succeeded = ending.succeeded();
    if (halt.on == On::done || (halt.on == On::fail) != succeeded) {
        const char* how = halt.on == On::done ? "finished" : succeeded ? "succeeded" : "failed";
        parts_.say(fmt::format("this job {}:\n{}", how, finished.job.line));
    }
    if (!schedule.halted()) return;
    parts_.exit_status.halted_by(ending, schedule.tally(), schedule.total());
    if (halt.when == schedule::Halt::When::soon && schedule.running() > 0) {
        parts_.say(fmt::format("starting no more jobs; waiting for {} to end", schedule.running()));
    }
}

void Endings::delivered(const FinishedJob& finished) {
    schedule::Ending ending = finished.ending();
    ending.delivered = true;
    tell(ending);
}

void Endings::tell_undelivered() {
    for (const FinishedJob& lost : parts_.output.take_undelivered()) tell(lost.ending());
}

void Endings::tell(const schedule::Ending& ending) {
    for (schedule::EndingListener* listener : listeners_) listener->on_ending(ending);
}

}  // namespace haid::command
