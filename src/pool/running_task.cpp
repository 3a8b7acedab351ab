#include "pool/running_task.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "haid/error.hpp"
#include "pool/exceptions.hpp"
#include "pool/output_flush.hpp"
#include "system/futex.hpp"

namespace haid::pool {
namespace {

using channel::Frame;
using channel::Range;
using channel::RingWriter;

// Items behind a running one are not begun by anybody else once they are claimed: no more than take so long together.
// A claim costs some 30 ns with its look at the clock.
constexpr std::chrono::nanoseconds time_of_a_claim{1500};
constexpr std::uint32_t largest_claim = 1024;
// Results of one task are handed over when so much time has passed: nobody waits longer for those that are done.
constexpr std::chrono::microseconds time_of_a_frame{500};
constexpr std::size_t smallest_frame = 256;
// The parent reads one piece while the next is written.
constexpr std::size_t largest_piece = 256 * 1024;
// A parent that naps is woken for so many frames; in 100 µs a worker does some 500 of the smallest.
constexpr std::uint32_t many_frames = 256;

}  // namespace

RunningTask::RunningTask(channel::Segment& segment, std::size_t worker, channel::ParentBell& bell,
                         detail::WorkerHooks* hooks)
    : segment_(segment),
      lane_(segment.lane(worker)),
      bell_(bell),
      hooks_(hooks),
      ring_(segment, worker,
            [this] {
                bell_.ring(true);
                unannounced_ = 0;
            }),
      generation_(Range::of(lane_.range.load()).generation) {
    progress_ = &lane_.progress;
}

void RunningTask::take(const channel::Claimed& claimed) {
    claimed_slot_ = claimed;
    const bool inlined = (claimed.flags & channel::inlined) != 0;
    input_ = {inlined ? reinterpret_cast<const std::byte*>(&claimed_slot_.input) : segment_.block(claimed.input),
              claimed.size};
    context_ = claimed.context;
    first_ = claimed.first;
    item_ = next_ = claimed_ = open_ = claimed.from;
    block_ = 1;
    in_pieces_ = false;
    at_ = end_ = frame_begin_ = value_begin_ = nullptr;
    lane_.open.store(open_, std::memory_order_relaxed);
    mark(open_);
    generation_ = (generation_ + 1) & channel::Range::most_generations;
    lane_.range.store(Range{generation_, claimed.from, claimed.to}.word(), std::memory_order_seq_cst);
    // Last of all: until then the task is the board's, and afterwards all of this belongs to it.
    lane_.task.store(claimed.task, std::memory_order_seq_cst);
}

void RunningTask::wait_if_halted() {
    while (lane_.halt.load(std::memory_order_seq_cst) != 0) system::sleep_while(lane_.halt, 1);
}

std::span<const std::byte> RunningTask::common() const {
    const std::byte* block = segment_.block(context_);
    std::uint64_t size = 0;
    std::memcpy(&size, block, sizeof size);
    return {block + sizeof size, size};
}

bool RunningTask::claim() {
    std::uint64_t word = lane_.range.load();
    for (;;) {
        Range range = Range::of(word);
        if (range.from == range.to) return false;
        std::uint32_t many = std::min(block_, range.to - range.from);
        Range rest{range.generation, range.from + many, range.to};
        if (!lane_.range.compare_exchange_weak(word, rest.word())) continue;
        next_ = range.from;
        claimed_ = rest.from;
        break;
    }
    if ((claimed_slot_.flags & channel::timed) != 0) {
        claim_began_ = Clock::now();
        lane_.started.store(static_cast<std::uint64_t>(claim_began_.time_since_epoch().count()));
        wait_if_halted();
    }
    return true;
}

bool RunningTask::end_of_claim() {
    if (in_pieces_) {
        // A value that was handed over in part ends here, alone in its frame.
        publish_values(item_ + 1);
        in_pieces_ = false;
        claimed_ = claimed_behind_pieces_;
        if (next_ < claimed_) {
            begin(next_++);
            return true;
        }
    }
    mark(claimed_);
    Range rest = Range::of(lane_.range.load(std::memory_order_relaxed));
    if (rest.from == rest.to) return false;
    if (has_unflushed_output()) flush_output();
    Clock::time_point now = Clock::now();
    auto took = now - std::exchange(claim_began_, now);
    if ((claimed_slot_.flags & channel::timed) != 0) {
        block_ = 1;
    } else if (took < time_of_a_claim / 2) {
        block_ = std::min(block_ * 2, largest_claim);
    } else if (took > time_of_a_claim) {
        block_ = std::max(block_ / 2, 1U);
    }
    if (now - last_time_ > time_of_a_frame) {
        publish_values(claimed_);
        bell_.ring(false);
    }
    return false;
}

void RunningTask::open(std::size_t least) {
    std::span<std::byte> room = ring_.open(std::min(std::max(least, smallest_frame), RingWriter::largest_frame));
    frame_begin_ = value_begin_ = at_ = room.data();
    end_ = at_ + room.size();
}

void RunningTask::publish(Frame::Kind kind, std::uint32_t first, std::uint32_t count, std::size_t size) {
    if (hooks_ != nullptr) hooks_->flush();
    if (has_unflushed_output()) flush_output();
    Clock::time_point now = Clock::now();
    const bool whole = kind != Frame::Kind::piece;
    Frame frame{claimed_slot_.task,
                static_cast<std::uint32_t>(size),
                kind,
                static_cast<std::uint16_t>(generation_),
                first,
                count,
                {whole ? static_cast<std::uint64_t>(std::chrono::nanoseconds(now - last_time_).count()) : announced_}};
    if (whole) last_time_ = now;
    ring_.publish(frame);
    if (++unannounced_ >= many_frames) {
        bell_.ring(true);
        unannounced_ = 0;
    }
}

// What the open frame holds are the values of all items before `end`.
void RunningTask::publish_values(std::uint32_t end) {
    if (open_ == end) return;
    if (frame_begin_ == nullptr) open(0);  // values without a byte
    publish(Frame::Kind::values, open_, end - open_, static_cast<std::size_t>(at_ - frame_begin_));
    close_frame(end);
}

void RunningTask::make_room(std::size_t size) {
    if (frame_begin_ != nullptr && size <= static_cast<std::size_t>(end_ - at_)) return;
    publish_values(next_);
    open(size);
}

void RunningTask::close_frame(std::uint32_t next) {
    at_ = end_ = frame_begin_ = value_begin_ = nullptr;
    open_ = next;
    lane_.open.store(next, std::memory_order_release);
}

void RunningTask::overflow(const void* data, std::size_t size) {
    if (in_pieces_) return publish_piece(data, size);
    std::vector<std::byte> begun(value_begin_, at_);  // of the running item
    at_ = value_begin_;
    std::size_t whole = begun.size() + size;
    bool fits = whole <= RingWriter::largest_frame;
    if (open_ != item_ && (frame_begin_ != nullptr || !fits)) publish_values(item_);
    if (fits) {
        // Twice the size: a value that is written in many small parts is not moved for each of them.
        open(2 * whole);
        if (!begun.empty()) std::memcpy(at_, begun.data(), begun.size());
        at_ += begun.size();
        std::memcpy(at_, data, size);
        at_ += size;
        return;
    }
    in_pieces_ = true;
    claimed_behind_pieces_ = std::exchange(claimed_, next_);  // so that next() does not overlook the end of this item
    publish_piece(begun.data(), begun.size());
    publish_piece(data, size);
}

void RunningTask::publish_piece(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    if (at_ != frame_begin_) publish(Frame::Kind::piece, item_, 0, static_cast<std::size_t>(at_ - frame_begin_));
    while (size > 0) {
        std::size_t part = std::min(size, largest_piece);
        open(part);
        std::memcpy(at_, bytes, part);
        publish(Frame::Kind::piece, item_, 0, part);
        bell_.ring(false);
        bytes += part;
        size -= part;
    }
    open(0);
}

void RunningTask::failed(std::exception_ptr error) {
    std::uint32_t item = item_;
    at_ = value_begin_;
    if (in_pieces_) {
        claimed_ = claimed_behind_pieces_;
        in_pieces_ = false;
    } else {
        publish_values(item);
    }
    publish_error(Frame::Kind::error, item, std::move(error));
    close_frame(item + 1);
    mark(item + 1);
}

void RunningTask::publish_error(Frame::Kind kind, std::uint32_t first, std::exception_ptr error) {
    BufferEncoder encoded;
    try {
        encode_exception(encoded, std::move(error));
    } catch (...) {
        // No memory for the message, or a what() that throws: there is an error nevertheless.
        encoded.clear();
        encode_exception(encoded, std::make_exception_ptr(Error("an error that could not be described")));
    }
    std::span<const std::byte> bytes = encoded.bytes();
    std::span<std::byte> room = ring_.open(bytes.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
    publish(kind, first, 1, bytes.size());
}

void RunningTask::report_fault(std::exception_ptr error) {
    claimed_slot_ = {};
    publish_error(Frame::Kind::fault, 0, std::move(error));
    bell_.ring(true);
}

void RunningTask::finish() {
    publish_values(claimed_);
    items_run_ += claimed_ - claimed_slot_.from;
    lane_.task.store(0, std::memory_order_release);
    bell_.ring(false);
}

}  // namespace haid::pool
