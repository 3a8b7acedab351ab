// Sleeping until a word in shared memory changes. Works between processes, unlike std::atomic::wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "system/event_loop.hpp"

namespace haid::system {

// Sleeps while `word` has the value `seen`, until it is woken, a signal comes or `until` has passed. Whoever returns
// looks again for itself. Thread-safe.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::optional<Time> until = std::nullopt);

// Wakes at most `count` of those that sleep on the word; returns how many.
int futex_wake(std::atomic<std::uint32_t>& word, int count);

}  // namespace haid::system
