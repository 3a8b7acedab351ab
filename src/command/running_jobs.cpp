#include "command/running_jobs.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "schedule/timeout.hpp"

namespace haid::command {

const Job& RunningJobs::started(Job&& job, std::uint64_t attempt, system::Time now) {
    const std::uint64_t slot = job.slot;
    return by_slot_.insert_or_assign(slot, One{std::move(job), attempt, now}).first->second.job;
}

const RunningJobs::One* RunningJobs::find(std::uint64_t slot) const {
    const auto found = by_slot_.find(slot);
    return found != by_slot_.end() ? &found->second : nullptr;
}

FinishedJob RunningJobs::ended(std::uint64_t slot, JobEnd&& end, schedule::Cause cause) {
    const auto node = by_slot_.extract(slot);
    One& one = node.mapped();
    const std::uint64_t output_bytes = one.streamed_bytes + end.output.size() + end.kept.value_or(0);
    return {std::move(one.job), std::move(end), one.attempt, cause, output_bytes};
}

std::vector<std::string> RunningJobs::list(system::Time now) const {
    std::map<std::uint64_t, const One*> ordered;
    for (const auto& [slot, one] : by_slot_) ordered[one.job.sequence] = &one;
    std::vector<std::string> lines;
    lines.reserve(ordered.size());
    for (const auto& [sequence, one] : ordered) {
        lines.push_back(
            fmt::format("job {} runs for {:.0f} s: {}", sequence, schedule::seconds(now - one->since), one->job.line));
    }
    return lines;
}

void RunningJobs::on_output(std::uint64_t slot, Stream stream, std::string_view data) {
    auto running = by_slot_.find(slot);
    if (running == by_slot_.end()) return;
    if (stream == Stream::output) running->second.streamed_bytes += data.size();
    output_.streamed(running->second.job.sequence, stream, data);
}

// The output of an attempt that fails is not printed if there is another attempt; errors come after the output.
RunningJobs::One* RunningJobs::that_may_print_early(std::uint64_t slot, Stream stream) {
    const auto found = by_slot_.find(slot);
    if (found == by_slot_.end() || stream != Stream::output) return nullptr;
    return found->second.job.attempts.value_or(attempts_) == 1 ? &found->second : nullptr;
}

void RunningJobs::on_much_output(std::uint64_t slot, Stream stream, system::Spool& data) {
    One* running = that_may_print_early(slot, stream);
    if (running == nullptr) return;
    const std::uint64_t before = data.size();
    output_.offer(running->job.sequence, data);
    running->streamed_bytes += before - data.size();
}

std::optional<std::size_t> RunningJobs::on_readable(std::uint64_t slot, Stream stream, int pipe, std::size_t limit) {
    One* running = that_may_print_early(slot, stream);
    if (running == nullptr) return std::nullopt;
    const auto passed = output_.pass_on(running->job.sequence, pipe, limit);
    running->streamed_bytes += passed.value_or(0);
    return passed;
}

}  // namespace haid::command
