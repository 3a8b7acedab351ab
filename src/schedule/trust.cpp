#include "schedule/trust.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "schedule/retries.hpp"

namespace haid::schedule {
namespace {

// Others run jobs well where so many succeed for each that fails.
constexpr std::uint64_t successes_for_a_failure = 3;

}  // namespace

void Trust::set_usable(std::size_t node, bool usable) {
    Node& one = nodes_[node];
    good_ -= is_good(one);
    one.usable = usable;
    good_ += is_good(one);
}

void Trust::ended(std::size_t node, bool succeeded, Time now) {
    Node& one = nodes_[node];
    good_ -= is_good(one);
    if (succeeded) {
        ++successes_;
        failures_ += std::exchange(one.failures, 0);
    } else {
        if (one.failures == 0) {
            one.successes_before = successes_;
            one.failures_before = failures_;
        }
        ++one.failures;
        one.last = now;
    }
    good_ += is_good(one);
}

Trust::News Trust::news(std::size_t node) {
    Node& one = nodes_[node];
    if (one.failures == 0) return std::exchange(one.told, false) ? News::trusted : News::none;
    // As long as the others are only taken to run well, there is nothing to tell.
    if (one.told || !doubted(one) || successes_ == one.successes_before) return News::none;
    one.told = true;
    return News::doubted;
}

bool Trust::doubted(const Node& node) const {
    if (node.failures < doubted_after || good_ == 0) return false;
    return successes_ - node.successes_before >= successes_for_a_failure * (failures_ - node.failures_before);
}

std::uint64_t Trust::most_jobs(std::size_t node, Time now) const {
    const Node& one = nodes_[node];
    if (!doubted(one)) return std::numeric_limits<std::uint64_t>::max();
    const Duration wait = doubled<Duration>(first_wait, one.failures - doubted_after, longest_wait);
    return now - one.last >= wait ? 1 : 0;
}

}  // namespace haid::schedule
