// Results on their way to the parent: a ring of frames for each worker, with one writer and one reader.
//
// A frame counts once the tail behind it is stored: a worker may die at any instant and leaves only whole frames, and
// one open one whose contents its lane describes.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "channel/segment.hpp"

namespace haid::channel {

// The worker's side.
class RingWriter {
  public:
    // `no_room` is called before the writer sleeps because the reader is behind: it has to be told.
    RingWriter(Segment& segment, std::size_t worker, std::function<void()> no_room);

    // Where the payload of the next frame goes: at least `least` bytes (at most largest_frame), as many more as there
    // are in one piece. Waits for the reader where there is no room.
    std::span<std::byte> open(std::size_t least);
    // Hands the opened frame over; frame.size bytes of payload were written. Another open() may follow without one.
    void publish(const Frame& frame);

    // A frame that is at most so large always finds room once the reader has read everything.
    static constexpr std::size_t largest_frame = Segment::ring_size / 2 - sizeof(Frame);

  private:
    void wait_for_room(std::uint64_t head);

    Lane& lane_;
    std::byte* memory_;
    std::function<void()> no_room_;
    std::uint64_t tail_;
    std::uint32_t last_size_ = 0;
};

// The parent's side.
class RingReader {
  public:
    RingReader(Segment& segment, std::size_t worker)
        : lane_(segment.lane(worker)), memory_(segment.ring(worker)), head_(lane_.head.load()) {}

    bool has_news() const { return lane_.tail.load(std::memory_order_acquire) != head_; }
    // The oldest frame, which stays where it is until pop(); nullptr where there is none. Throws Error where no writer
    // can have left what is there: a worker has written to where it should not.
    const Frame* front();
    static std::span<const std::byte> payload(const Frame& frame) {
        return {reinterpret_cast<const std::byte*>(&frame + 1), frame.size};
    }
    void pop();
    // The room is free for the writer again only now: a call for several frames.
    void release();

    // What a dead worker had written into a frame that it did not hand over. All other frames must have been read.
    std::span<const std::byte> open_frame(std::size_t bytes) const;

  private:
    Lane& lane_;
    std::byte* memory_;
    std::uint64_t head_;
    std::uint64_t seen_tail_ = 0;
};

}  // namespace haid::channel
