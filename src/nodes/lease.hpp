// How long an agent may go on without a word from the coordinator, and how long the coordinator waits for it.
#pragma once

#include <chrono>

namespace haid::nodes {

// An agent shows so often that it lives.
inline constexpr std::chrono::seconds beat_every{2};
// So long after it sent the last sign of life that was answered, an agent ends its jobs. A network that is gone for 5 s
// is used again by TCP after at most 6.4 s more (its waits double from 0.2 s on).
inline constexpr std::chrono::seconds lease{15};
// The coordinator gives up an agent so long after its last word: 5 s are for ending jobs (SIGKILL) where it is slow.
inline constexpr std::chrono::seconds given_up_after{20};

// Slurm ends the processes of a job one after the other, on all nodes: by then, whoever misses one that has ended so
// has ended, too, or is not going to. What is told later is no echo of that.
inline constexpr std::chrono::milliseconds told_by_then{1500};

}  // namespace haid::nodes
