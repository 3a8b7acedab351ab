#include "system/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace haid::system {

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::optional<Time> until) {
    static_assert(sizeof word == sizeof(std::uint32_t));
    timespec deadline{};
    if (until) {
        auto since_boot = until->time_since_epoch();
        auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
        deadline.tv_sec = seconds.count();
        deadline.tv_nsec = std::chrono::nanoseconds(since_boot - seconds).count();
    }
    // FUTEX_WAIT_BITSET takes an absolute time of the monotonic clock, which is what steady_clock shows on Linux.
    ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, seen, until ? &deadline : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
}

int futex_wake(std::atomic<std::uint32_t>& word, int count) {
    return static_cast<int>(::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0));
}

}  // namespace haid::system
