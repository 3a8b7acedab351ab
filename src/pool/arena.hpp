// The parent's allocator for inputs in the shared segment. All bookkeeping lies in the parent's own memory: what a
// worker does to the segment cannot hurt it. Not thread-safe.
//
// Memory that was used stays for the next inputs. Where nothing is in use for a while it goes back to the system: the
// parent may be busy with something else then, so it is the zygote that sees to it (see channel::ArenaRest).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "channel/segment.hpp"

namespace haid::pool {

class Arena {
  public:
    // `at_rest`: called when nothing is in use any more, and the zygote does not look by itself.
    Arena(channel::Segment& segment, std::function<void()> at_rest)
        : segment_(segment), at_rest_(std::move(at_rest)), end_of_used_(segment.arena_begin()) {}

    // Offset of a block of at least `size` bytes, aligned to 64; nullopt where the segment is full. O(1).
    std::optional<std::uint64_t> allocate(std::size_t size);
    // `size` as it was asked for. Beyond what is kept for the next ones, memory goes back to the system.
    void free(std::uint64_t block, std::size_t size);
    std::uint64_t in_use() const { return in_use_; }

  private:
    // Blocks are powers of two: what is freed fits the next of its kind, and tasks of one call are alike.
    static constexpr int smallest = 6;
    static constexpr int largest = 40;
    static int kind_of(std::size_t size);
    // A block used again costs no page faults: 11 GB/s against 1.1 for fresh memory. Small ones keep theirs, of large
    // ones so much is kept in all.
    static constexpr std::size_t small = std::size_t{1} << 20;
    static constexpr std::size_t most_to_keep = std::size_t{128} << 20;
    // Less than that is not given back.
    static constexpr std::size_t worth_giving_back = std::size_t{1} << 20;

    struct Free {
        std::uint64_t block;
        std::size_t kept;  // bytes of memory that it still has, of a large one
    };

    void wake_up();
    void rest();
    void begin_at(std::uint64_t address);

    channel::Segment& segment_;
    std::function<void()> at_rest_;
    std::uint64_t end_of_used_;
    std::uint64_t in_use_ = 0;
    std::size_t kept_ = 0;
    std::array<std::vector<Free>, largest + 1> free_;
};

}  // namespace haid::pool
