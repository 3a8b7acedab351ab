// What a job draws its random numbers from.
#pragma once

#include <cstdint>

namespace haid::command {

// HAID_SEED: from 0 to 2^31 - 1, which every program takes as a seed (R's set.seed takes no more). It follows from the
// run's seed and the job's number alone, and no two of a run's first 2^31 jobs have the same. What jobs have in a row
// has nothing in common for those generators that are made of simple steps (awk, bash, C's rand).
//
// The formula is a promise, and stands in docs/random.md.
constexpr std::uint32_t job_seed(std::uint64_t run_seed, std::uint64_t sequence) {
    std::uint64_t mixed = run_seed + 0x9E3779B97F4A7C15;  // one step of SplitMix64
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    mixed ^= mixed >> 31;
    // Each of these steps is one to one on 31 bits.
    constexpr std::uint64_t most = 0x7FFFFFFF;
    std::uint64_t seed = (mixed + sequence) & most;
    seed ^= seed >> 16;
    seed = seed * 0x7FEB352D & most;
    seed ^= seed >> 15;
    seed = seed * 0x846CA68B & most;
    seed ^= seed >> 16;
    return static_cast<std::uint32_t>(seed);
}

}  // namespace haid::command
