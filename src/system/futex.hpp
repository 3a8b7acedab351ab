// Sleeping until a word in shared memory changes, between processes that may be killed at any instant.
//
// "Change the word, then wake" is two steps: who is killed between them leaves others asleep for ever. So whoever
// changes a word on which somebody may sleep uses add_and_wake, which is one step of the kernel.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>

#include "haid/detail/sync/deadline.hpp"

namespace haid::system {

using FutexWord = std::atomic<std::uint32_t>;
static_assert(sizeof(FutexWord) == sizeof(std::uint32_t) && FutexWord::is_always_lock_free);

inline constexpr int everybody = INT_MAX;
inline constexpr int largest_addend = 2047;  // the kernel has 12 bits for it

// Sleeps while the word has the value `seen`. false: the time has passed. true says nothing: look again (somebody
// changed it, or a signal came). Throws std::system_error where the kernel refuses.
bool sleep_while(const FutexWord& word, std::uint32_t seen,
                 const detail::Deadline& deadline = detail::Deadline::never());

// Wakes at most `count` sleepers.
void wake(const FutexWord& word, int count);

// Adds to the word, modulo 2^32, and wakes at most `count` sleepers. Whoever is killed meanwhile has done both or
// neither. `addend`: from 0 to largest_addend. All that was written before is visible to who sees the new value.
void add_and_wake(FutexWord& word, int addend, int count);

}  // namespace haid::system
