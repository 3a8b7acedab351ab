#include "command/doubtful_endings.hpp"

#include <signal.h>

#include <utility>

namespace haid::command {
namespace {

constexpr std::chrono::milliseconds doubt{300};

}  // namespace

bool DoubtfulEndings::is_doubtful(const JobEnd& end) {
    return end.ending.signal == SIGTERM || end.ending.exit_status == 128 + SIGTERM;
}

void DoubtfulEndings::add(std::uint64_t slot, JobEnd end, system::Time now) {
    waiting_.push_back({now + doubt, slot, std::move(end)});
}

std::optional<system::Time> DoubtfulEndings::next() const {
    return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().until);
}

std::optional<DoubtfulEndings::One> DoubtfulEndings::take(system::Time now) {
    if (waiting_.empty() || waiting_.front().until > now) return std::nullopt;
    One one = std::move(waiting_.front());
    waiting_.pop_front();
    return one;
}

}  // namespace haid::command
