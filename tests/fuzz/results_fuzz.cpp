// Whatever a worker leaves in its ring, where results come from: the parent reads no other memory, and no item that
// was not given comes to an end.
//
// The first byte: how far from its end the ring is read, in frames. Two more: the bytes that are there. Then these.
#include <algorithm>
#include <cstring>
#include <memory>

#include "channel/ring.hpp"
#include "fields.hpp"
#include "pool/dispatcher.hpp"
#include "pool/exceptions.hpp"
#include "twenty_items.hpp"

namespace {

using namespace haid;
using channel::Frame;

// As Workforce does it.
void read(channel::RingReader& ring, pool::Dispatcher& dispatcher) {
    std::vector<std::byte> pieces;
    while (const Frame* frame = ring.front()) {
        const std::span<const std::byte> bytes = channel::RingReader::payload(*frame);
        switch (frame->kind) {
            case Frame::Kind::piece:
                pieces.insert(pieces.end(), bytes.begin(), bytes.end());
                break;
            case Frame::Kind::values:
                if (pieces.empty()) {
                    dispatcher.values(frame->task, frame->first, frame->count, Decoder(bytes), frame->nanoseconds, 0);
                } else {
                    pieces.insert(pieces.end(), bytes.begin(), bytes.end());
                    dispatcher.large_value(frame->task, frame->first, pieces, frame->nanoseconds, 0);
                    pieces.clear();
                }
                break;
            case Frame::Kind::error:
                dispatcher.failed(frame->task, frame->first, pool::decode_exception(bytes, frame->first, 0),
                                  frame->nanoseconds, 0);
                break;
            default:
                static_cast<void>(pool::decode_exception(bytes, 0, 0));
        }
        ring.pop();
    }
    ring.release();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t in_front = 3;
    if (size < in_front) return 0;
    static channel::Segment segment(1);
    channel::Header& header = segment.header();
    header.head.store(0);
    header.tail.store(0);
    constexpr std::size_t ring_size = channel::Segment::ring_size;
    const std::uint64_t begin = data[0] == 0 ? 0 : ring_size - data[0] * sizeof(Frame);
    channel::Lane& lane = segment.lane(0);
    lane.head.store(begin);
    lane.tail.store(begin + data[1] + (std::uint64_t{data[2]} << 8));
    const std::size_t bytes = size - in_front;
    const std::size_t to_end = std::min(bytes, ring_size - begin % ring_size);
    std::memcpy(segment.ring(0) + begin % ring_size, data + in_front, to_end);
    std::memcpy(segment.ring(0), data + in_front + to_end, bytes - to_end);

    pool::Dispatcher dispatcher(segment, [] {});
    dispatcher.add(std::make_shared<fuzz::TwentyItems>(true), false);
    dispatcher.dispatch({});
    channel::RingReader ring(segment, 0);
    try {
        read(ring, dispatcher);
    } catch (const Error&) {
    }
    dispatcher.dispatch({});
    return 0;
}
