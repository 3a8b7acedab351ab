// What a parent and its workers share: one memory segment, laid out here and nowhere else.
//
//   header | slots: tasks to be claimed | lanes: one a worker | rings: results, one a worker | arena: large inputs
//
// Everything in it is reached by offset, never by address, so that a worker may map it anywhere. Invariants:
// - No lock is shared. A word has one writer, or is changed by compare-and-swap in one step.
// - Whoever claims something writes who he is in the same step: when a process dies, the parent sees what it held.
// - A result counts from the moment its ring's tail is stored, and a tail is stored only behind a whole frame.
// - Only the parent takes things away: slots, arena blocks, frames that were read. The memory of an arena that rests is
//   given back by the zygote.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace haid::channel {

using Word = std::atomic<std::uint64_t>;
using Futex = std::atomic<std::uint32_t>;
static_assert(Word::is_always_lock_free && Futex::is_always_lock_free);

// Two neighbouring lines are fetched together on x86 (Intel's optimization manual, 3.7.3): what different processes
// write lies that far apart.
constexpr std::size_t apart = 128;

// A range of a task's items that nobody has claimed yet.
struct Slot {
    // position << 16 | owner; the owner is 0 (nobody yet), a worker's number + 1, or `taken`: its fields were copied.
    Word state;
    std::uint64_t task;      // the parent's number for it; never 0
    std::uint64_t function;  // what the worker's executor makes of it
    std::uint64_t context;   // for the function
    std::uint64_t first;     // the index of the task's item 0, as its function sees it
    std::uint64_t input;     // offset of its block, or the input itself: see Flag
    std::uint32_t size;      // of the input in bytes
    std::uint32_t from, to;  // the range
    std::uint32_t flags;     // see Flag
};
static_assert(sizeof(Slot) == 64);

constexpr std::uint64_t taken = 0xffff;
constexpr std::size_t most_workers = taken - 1;

enum Flag : std::uint32_t {
    inlined = 2,  // an input of at most 8 bytes, which most arguments are, costs no further line of the cache
    timed = 1,    // each item's start is written down, and none starts after the parent has said halt
};

struct Header {
    alignas(apart) Word tail;     // positions below it are filled; written by the parent
    alignas(apart) Word head;     // positions below it are claimed
    alignas(apart) Futex bell;    // workers sleep on it
    Futex sleepers;               // never fewer than sleep
    Futex closing;                // no more tasks will come
    Futex several_cpus;           // there may be one to spare
    Futex cpus;                   // that are each worker's; 0: to be told soon
    alignas(apart) Futex parent;  // see Attention
    // The arena while nothing in it is in use: see ArenaRest.
    alignas(apart) Word rest;
    Word rest_size;   // the bytes from the arena's beginning that may have memory; written by the parent
    Futex rest_told;  // the zygote will look at it without being told
};

// What `rest` is. The parent changes `busy`, `emptied` and a moment into each other, the zygote a moment into
// `emptying` and that into `emptied`: so nothing is emptied that is in use, and neither waits for the other.
enum ArenaRest : std::uint64_t {
    busy = 0,      // in use, or with nothing to give back
    emptying = 1,  // its memory is being given back
    emptied = 2,
    // Any other: since then, in nanoseconds of the monotonic clock.
};

// What the parent does, and so whether it has to be woken.
enum Attention : std::uint32_t {
    awake = 0,
    napping = 1,  // looks again by itself within some 100 µs: wake it only for much, or before sleeping
    asleep = 2,   // wake it for any news
};

// One worker's side of things. Written by the worker but where said otherwise.
struct Lane {
    // The unclaimed rest of the running task: generation << 44 | to << 22 | from. The parent takes from its end.
    alignas(apart) Word range;
    // See detail::Progress (haid/detail/pool/progress.hpp): items before its own are done, those from `open` with so
    // many bytes in the open frame; the item itself runs or does not.
    Word progress;
    Word open;       // the first item of the open frame
    Word task;       // the running one; 0: none
    Word started;    // nanoseconds of the monotonic clock at the start of the item; of timed tasks only
    Futex is_ready;  // the initializer is behind it
    Futex is_asleep;
    Futex pid;
    Futex halt;                // by the parent: start nothing more
    alignas(apart) Word tail;  // of the ring, in bytes since the beginning
    Futex wants_space;         // sleeps until the parent has read some of the ring
    alignas(apart) Word head;  // of the ring; written by the parent
};

constexpr int item_bits = 22;
constexpr std::uint32_t most_items = (1U << item_bits) - 1;

struct Range {
    std::uint32_t generation, from, to;

    static constexpr std::uint32_t most_generations = (1U << (64 - 2 * item_bits)) - 1;
    static Range of(std::uint64_t word) {
        return {static_cast<std::uint32_t>(word >> (2 * item_bits)), static_cast<std::uint32_t>(word & most_items),
                static_cast<std::uint32_t>(word >> item_bits & most_items)};
    }
    std::uint64_t word() const {
        return static_cast<std::uint64_t>(generation) << (2 * item_bits) | static_cast<std::uint64_t>(to) << item_bits |
               from;
    }
};

// In front of everything in a ring.
struct Frame {
    enum class Kind : std::uint16_t {
        padding,  // nothing, to the end of the ring
        values,   // of `count` items from `first`
        piece,    // a part of the value of item `first`, which is larger than a frame can be
        error,    // of item `first`
        fault,    // the worker cannot work: text
    };
    std::uint64_t task;
    std::uint32_t size;  // of what follows, in bytes
    Kind kind;
    std::uint16_t generation;  // of the worker's range, its low bits: it may run the same items again
    std::uint32_t first;
    std::uint32_t count;
    union {
        std::uint64_t nanoseconds;  // that these items took
        std::uint64_t whole;        // of a piece: the bytes of the whole value; 0: not known
    };
};
static_assert(sizeof(Frame) == 32);

}  // namespace haid::channel
