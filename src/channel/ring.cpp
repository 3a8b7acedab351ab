#include "channel/ring.hpp"

#include <algorithm>
#include <cstring>

#include "haid/error.hpp"
#include "system/futex.hpp"

namespace haid::channel {
namespace {

constexpr std::size_t size_of_ring = Segment::ring_size;
constexpr std::size_t alignment = sizeof(Frame);
// Where the reader keeps up, more or less, the writer goes back to the beginning of the ring, so that both stay in the
// same few pages, which are there and in the cache. Not at once, for going back costs a frame; and until the reader has
// come along there is no more room than what it has read of this round: it has to be several times what it is behind by
// and what a frame takes.
constexpr std::uint64_t back_to_the_beginning = 64 * 1024;
constexpr std::uint64_t frames_of_a_round = 4;

bool is_time_to_go_back(std::uint64_t head, std::uint64_t tail, std::uint64_t frame) {
    const std::uint64_t unread = tail - head;
    const std::uint64_t read = head % size_of_ring;
    const bool same_round = read + unread == tail % size_of_ring;
    return same_round && read >= std::max(back_to_the_beginning, frames_of_a_round * (unread + frame));
}

constexpr std::uint64_t whole(std::uint64_t size) {
    return (size + alignment - 1) / alignment * alignment;
}

Frame& frame_at(std::byte* memory, std::uint64_t position) {
    return *reinterpret_cast<Frame*>(memory + position % size_of_ring);
}

std::uint64_t to_end_of_ring(std::uint64_t position) {
    return size_of_ring - position % size_of_ring;
}

}  // namespace

RingWriter::RingWriter(Segment& segment, std::size_t worker, std::function<void()> no_room)
    : lane_(segment.lane(worker)),
      memory_(segment.ring(worker)),
      no_room_(std::move(no_room)),
      tail_(lane_.tail.load()) {}

std::span<std::byte> RingWriter::open(std::size_t least) {
    for (;;) {
        std::uint64_t head = lane_.head.load(std::memory_order_acquire);
        const bool go_back = is_time_to_go_back(head, tail_, last_size_);
        std::uint64_t in_one_piece = to_end_of_ring(tail_);
        if (go_back || in_one_piece < sizeof(Frame) + least) {
            // The padding itself needs no room: its frame may cover what is not read yet only if that is all there is.
            if (tail_ + in_one_piece - head > size_of_ring) {
                wait_for_room(head);
                continue;
            }
            frame_at(memory_, tail_) = {
                0, static_cast<std::uint32_t>(in_one_piece - sizeof(Frame)), Frame::Kind::padding, 0, 0, 0, {0}};
            tail_ += in_one_piece;
            lane_.tail.store(tail_, std::memory_order_release);
            continue;
        }
        std::uint64_t room = std::min(in_one_piece, size_of_ring - (tail_ - head));
        if (room >= sizeof(Frame) + least) {
            return {memory_ + tail_ % size_of_ring + sizeof(Frame), room - sizeof(Frame)};
        }
        wait_for_room(head);
    }
}

void RingWriter::wait_for_room(std::uint64_t head) {
    lane_.wants_space.store(1, std::memory_order_seq_cst);
    if (lane_.head.load(std::memory_order_seq_cst) == head) {
        no_room_();
        system::sleep_while(lane_.wants_space, 1);
    }
    lane_.wants_space.store(0);
}

void RingWriter::publish(const Frame& frame) {
    frame_at(memory_, tail_) = frame;
    tail_ += whole(sizeof(Frame) + frame.size);
    last_size_ = frame.size;
    lane_.tail.store(tail_, std::memory_order_seq_cst);
}

const Frame* RingReader::front() {
    for (;;) {
        if (head_ >= seen_tail_) seen_tail_ = lane_.tail.load(std::memory_order_acquire);
        if (head_ >= seen_tail_) return nullptr;
        const Frame& frame = frame_at(memory_, head_);
        const std::uint64_t unread = seen_tail_ - head_;
        if (unread > size_of_ring ||
            whole(sizeof(Frame) + std::uint64_t{frame.size}) > std::min(unread, to_end_of_ring(head_))) {
            throw Error("what leads from one result to the next was overwritten");
        }
        if (frame.kind != Frame::Kind::padding) return &frame;
        pop();
    }
}

void RingReader::pop() {
    head_ += whole(sizeof(Frame) + frame_at(memory_, head_).size);
}

void RingReader::release() {
    if (lane_.head.load(std::memory_order_relaxed) == head_) return;
    lane_.head.store(head_, std::memory_order_seq_cst);
    if (lane_.wants_space.load(std::memory_order_seq_cst) != 0) {
        lane_.wants_space.store(0);
        system::wake(lane_.wants_space, 1);
    }
}

std::span<const std::byte> RingReader::open_frame(std::size_t bytes) const {
    std::size_t room = to_end_of_ring(head_) - sizeof(Frame);
    return {memory_ + head_ % size_of_ring + sizeof(Frame), std::min(bytes, room)};
}

}  // namespace haid::channel
