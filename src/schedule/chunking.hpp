// How many items make a task, where whoever calls has left that open.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace haid::schedule {

// What an item takes, smoothed: one that is far out of line moves it little.
class Pace {
  public:
    // So many took so long together. No time at all says nothing.
    void took(std::chrono::nanoseconds time, std::uint64_t items) {
        if (time.count() <= 0) return;
        const double one = static_cast<double>(time.count()) / static_cast<double>(items);
        item_time_ = item_time_ == 0 ? one : 0.75 * item_time_ + 0.25 * one;
    }
    // Nanoseconds; 0: not known yet.
    double item_time() const { return item_time_; }

  private:
    double item_time_ = 0;
};

struct Chunking {
    double task_time;    // nanoseconds that a task is to take
    double parts;        // of what remains a task is no more than one of so many: towards the end all end together
    std::uint32_t most;  // items

    // `last`: items of the task before. One that was much too small is followed by larger ones step by step, for its
    // items may have been the short ones. `remaining`: where it is known.
    std::uint32_t next(double item_time, std::uint32_t last, std::optional<std::uint64_t> remaining) const {
        if (item_time == 0) return 1;
        double wanted = std::min(task_time / item_time, static_cast<double>(last) * largest_growth);
        if (remaining) wanted = std::min(wanted, static_cast<double>(*remaining) / parts);
        return static_cast<std::uint32_t>(std::clamp<double>(wanted, 1, most));
    }

  private:
    static constexpr std::uint32_t largest_growth = 16;
};

}  // namespace haid::schedule
