// The memory that a parent and its workers share, and where in it things are (see layout.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "channel/layout.hpp"
#include "system/descriptor.hpp"

namespace haid::channel {

class Segment {
  public:
    // A memory file without a name: gone with the last process that has it. All zeros; pages that are never touched
    // cost nothing. Throws SystemError where there are no addresses or descriptors left, or files may not be as long.
    explicit Segment(std::size_t workers);
    // The one that another process has made for as many workers. Throws SystemError.
    Segment(std::size_t workers, system::Descriptor file);
    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    // All processes that are to have it do: those that are forked from now on do not get it along, which would keep its
    // memory for as long as they live. This one keeps no descriptor of it.
    void hand_on_no_more();
    // In a process that was forked from the one that made it: it is left as it is.
    void forget() { memory_ = nullptr; }

    std::size_t workers() const { return workers_; }
    int descriptor() const { return file_.get(); }
    Header& header() const { return *at<Header>(0); }
    Slot& slot(std::uint64_t position) const { return at<Slot>(slots_at)[position % slots]; }
    Lane& lane(std::size_t worker) const { return at<Lane>(lanes_at_)[worker]; }
    std::byte* ring(std::size_t worker) const { return memory_ + rings_at_ + worker * ring_size; }
    std::byte* block(std::uint64_t offset) const { return memory_ + offset; }
    std::uint64_t arena_begin() const { return arena_at_; }
    std::uint64_t arena_end() const { return size_; }
    // The same bytes in memory of this process alone: a page is copied when it is written to here. Until then it shows
    // what the segment has. Throws SystemError.
    std::shared_ptr<std::byte> map_privately(std::span<const std::byte> part) const;
    // Gives the memory of a part of the arena back to the system; it reads as zeros then.
    void discard(std::uint64_t offset, std::size_t size) const;

    // So many tasks may wait to be claimed: twice what two workers do of the smallest in the time of a nap.
    static constexpr std::size_t slots = 4096;
    // Half of it is the largest value that is read where it was written. Addresses only: a ring whose reader keeps up
    // touches its first 64 KiB (see RingWriter).
    static constexpr std::size_t ring_size = std::size_t{4} << 20;

  private:
    template <class T>
    T* at(std::size_t offset) const {
        return reinterpret_cast<T*>(memory_ + offset);
    }
    static constexpr std::size_t slots_at = 4096;

    std::size_t workers_;
    std::size_t lanes_at_, rings_at_, arena_at_, size_;
    system::Descriptor file_;
    std::byte* memory_ = nullptr;
    bool made_here_ = false;
};

}  // namespace haid::channel
