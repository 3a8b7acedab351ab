// Whether what has failed is tried again, and after which pause: of jobs and of tasks' items alike.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "haid/detail/sync/deadline.hpp"

namespace haid::schedule {

// `first`, doubled so many times, but no more than `longest`.
template <class Duration>
constexpr Duration doubled(Duration first, std::uint64_t times, Duration longest) {
    const std::int64_t factor = std::int64_t{1} << std::min<std::uint64_t>(times, 30);
    return first > longest / factor ? longest : first * factor;
}

struct Retries {
    std::uint64_t attempts = 1;         // 0: again and again until it succeeds
    std::chrono::nanoseconds pause{0};  // before the second one; twice as long before each that follows

    // After this attempt, from 1, has failed.
    constexpr bool again(std::uint64_t attempt) const { return attempts == 0 || attempt < attempts; }
    constexpr std::chrono::nanoseconds pause_after(std::uint64_t attempt) const {
        return doubled(pause, attempt - 1, detail::Deadline::furthest);
    }
};

}  // namespace haid::schedule
