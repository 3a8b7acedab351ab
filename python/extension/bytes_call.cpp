#include "bytes_call.hpp"

#include <algorithm>
#include <cstring>

#include "haid/error.hpp"

namespace haid::python {
namespace {

// More in one task would leave the caches on its way.
constexpr std::size_t most_bytes_of_a_task = 256 * 1024;

}  // namespace

ItemTable::ItemTable(std::span<const std::byte> input) {
    Decoder from(input);
    from.read(&count_, sizeof count_);
    starts_ = from.take(count_ * sizeof(std::uint32_t));
    items_ = from.take(from.remaining());
}

std::span<const std::byte> ItemTable::item(std::uint32_t number) const {
    if (number >= count_) throw DecodeError("haid: a task has fewer inputs than items");
    std::uint32_t bounds[2] = {0, static_cast<std::uint32_t>(items_.size())};
    std::memcpy(bounds, starts_.data() + number * sizeof bounds[0],
                number + 1 < count_ ? sizeof bounds : sizeof bounds[0]);
    if (bounds[0] > bounds[1] || bounds[1] > items_.size()) throw DecodeError("haid: a task's inputs have no order");
    return items_.subspan(bounds[0], bounds[1] - bounds[0]);
}

void BytesCall::add(std::unique_ptr<Inputs> inputs) {
    if (inputs->ends.empty()) return;
    waiting_ += inputs->ends.size();
    hungry_ = false;
    blocks_.push_back({std::move(inputs)});
}

std::optional<std::uint64_t> BytesCall::remaining() const {
    return ended_ ? std::optional(waiting_) : std::nullopt;
}

// All items of a task come from one block: the next one is full.
std::uint32_t BytesCall::fill(detail::TaskWriter& writer) {
    if (blocks_.empty()) {
        hungry_ = true;
        return 0;
    }
    Block& block = blocks_.front();
    const std::vector<std::size_t>& ends = block.inputs->ends;
    const std::size_t first = block.next;
    const std::size_t begin = first == 0 ? 0 : ends[first - 1];
    std::size_t behind = first + 1;
    while (behind < ends.size() && behind - first < writer.most_items && ends[behind] - begin <= most_bytes_of_a_task)
        ++behind;

    const auto count = static_cast<std::uint32_t>(behind - first);
    const std::size_t size = ends[behind - 1] - begin;
    writer.run = run_;
    writer.share(common_);
    std::byte* to = writer.place(sizeof count + count * sizeof(std::uint32_t) + size);
    std::memcpy(to, &count, sizeof count);
    to += sizeof count;
    for (std::size_t number = first; number < behind; ++number, to += sizeof(std::uint32_t)) {
        const auto start = static_cast<std::uint32_t>((number == 0 ? 0 : ends[number - 1]) - begin);
        std::memcpy(to, &start, sizeof start);
    }
    if (size > 0) std::memcpy(to, block.inputs->bytes.bytes().data() + begin, size);
    block.next = behind;
    waiting_ -= count;
    if (behind == ends.size()) blocks_.pop_front();
    return count;
}

void BytesCall::values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) {
    std::span<const std::byte> bytes = from.take(from.remaining());
    news_.values.push_back({first, count, {bytes.begin(), bytes.end()}});
    decoded = count;
}

void BytesCall::failed(std::uint64_t item, std::exception_ptr error) {
    news_.failures.push_back({item, std::move(error)});
}

void BytesCall::finished() {
    finished_ = true;
    blocks_.clear();
    if (when_finished_) when_finished_();
}

}  // namespace haid::python
