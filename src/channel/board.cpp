#include "channel/board.hpp"

#include <algorithm>

#include "system/futex.hpp"

namespace haid::channel {
namespace {

constexpr std::uint64_t state_of(std::uint64_t position, std::uint64_t owner) {
    return position << 16 | owner;
}

}  // namespace

bool BoardWriter::has_room() const {
    if (next_ < Segment::slots) return true;
    return segment_.slot(next_).state.load(std::memory_order_acquire) == state_of(next_ - Segment::slots, taken);
}

Slot& BoardWriter::add() {
    Slot& slot = segment_.slot(next_);
    slot.state.store(state_of(next_, 0), std::memory_order_relaxed);
    ++next_;
    return slot;
}

void BoardWriter::publish() {
    std::uint64_t added = next_ - published_;
    if (added == 0) return;
    published_ = next_;
    Header& header = segment_.header();
    // The order of this store and the look at the sleepers is what keeps a worker from sleeping over a task.
    header.tail.store(next_, std::memory_order_seq_cst);
    std::uint32_t sleepers = header.sleepers.load(std::memory_order_seq_cst);
    if (sleepers == 0) return;
    header.bell.fetch_add(1);
    system::wake(header.bell, static_cast<int>(std::min<std::uint64_t>(sleepers, added)));
}

std::vector<Unstarted> BoardWriter::withdraw(const std::function<bool(std::uint64_t task)>& unwanted) {
    std::vector<Unstarted> withdrawn;
    for (std::uint64_t position = segment_.header().head.load(); position < published_; ++position) {
        Slot& slot = segment_.slot(position);
        std::uint64_t expected = state_of(position, 0);
        if (!unwanted(slot.task) || !slot.state.compare_exchange_strong(expected, state_of(position, taken))) continue;
        withdrawn.push_back({slot.task, slot.from, slot.to});
    }
    return withdrawn;
}

std::optional<Unstarted> BoardWriter::claimed_by(std::size_t worker) {
    std::uint64_t oldest = published_ > Segment::slots ? published_ - Segment::slots : 0;
    for (std::uint64_t position = oldest; position < published_; ++position) {
        Slot& slot = segment_.slot(position);
        if (slot.state.load() != state_of(position, worker + 1)) continue;
        slot.state.store(state_of(position, taken));
        return Unstarted{slot.task, slot.from, slot.to};
    }
    return std::nullopt;
}

std::uint64_t BoardWriter::unclaimed() const {
    std::uint64_t head = segment_.header().head.load(std::memory_order_acquire);
    return next_ > head ? next_ - head : 0;
}

bool claim(Segment& segment, std::size_t worker, const std::function<void(const Claimed&)>& record) {
    Header& header = segment.header();
    for (;;) {
        std::uint64_t position = header.head.load(std::memory_order_acquire);
        if (position >= header.tail.load(std::memory_order_acquire)) return false;
        Slot& slot = segment.slot(position);
        std::uint64_t unclaimed = state_of(position, 0);
        bool mine = slot.state.compare_exchange_strong(unclaimed, state_of(position, worker + 1));
        // Whether it was we or somebody who died since: the next one is to be claimed now.
        std::uint64_t head = position;
        header.head.compare_exchange_strong(head, position + 1);
        if (!mine) continue;
        record({slot.task, slot.function, slot.context, slot.first, slot.input, slot.size, slot.from, slot.to,
                slot.flags});
        slot.state.store(state_of(position, taken), std::memory_order_release);
        return true;
    }
}

void sleep_until_published(Segment& segment, std::size_t worker) {
    Header& header = segment.header();
    Lane& lane = segment.lane(worker);
    // Counted before and uncounted after it is marked: when we die in between, the count is too high, never too low.
    header.sleepers.fetch_add(1);
    lane.is_asleep.store(1);
    std::uint32_t bell = header.bell.load();
    if (header.head.load() >= header.tail.load() && header.closing.load() == 0) system::sleep_while(header.bell, bell);
    lane.is_asleep.store(0);
    header.sleepers.fetch_sub(1);
}

void forget_sleeper(Segment& segment, std::size_t worker) {
    if (segment.lane(worker).is_asleep.exchange(0) != 0) segment.header().sleepers.fetch_sub(1);
}

}  // namespace haid::channel
