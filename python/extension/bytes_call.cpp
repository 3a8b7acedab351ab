#include "bytes_call.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "haid/error.hpp"
#include "parts.hpp"

namespace haid::python {
namespace {

// More in one task would leave the caches on its way.
constexpr std::size_t most_bytes_of_a_task = 256 * 1024;

std::byte* append(std::byte* to, const void* data, std::size_t size) {
    if (size > 0) std::memcpy(to, data, size);
    return to + size;
}

}  // namespace

// -- inputs

void Inputs::add_part(std::span<const std::byte> part) {
    parts_.push_back({area_, part});
    area_ += aligned(part.size());
}

void Inputs::end_of_item() {
    ends_.push_back({bytes_.bytes().size(), area_});
}

std::size_t Inputs::items_within(std::size_t first, std::size_t most_items, std::size_t most) const {
    const End begin = end(first);
    std::size_t behind = first + 1;
    while (behind < ends_.size() && behind - first < most_items &&
           ends_[behind].bytes - begin.bytes + ends_[behind].area - begin.area <= most) {
        ++behind;
    }
    return behind;
}

// The area begins at a multiple of its alignment from the beginning of the input, which is a block of the arena.
std::size_t Inputs::table_size(std::size_t first, std::size_t behind) const {
    const std::size_t without_area =
        sizeof(ItemTable::Header) + (behind - first) * sizeof(ItemTable::Start) + end(behind).bytes - end(first).bytes;
    const std::size_t area = end(behind).area - end(first).area;
    return area == 0 ? without_area : aligned(without_area) + area;
}

void Inputs::write_table(std::size_t first, std::size_t behind, std::byte* to) const {
    const End begin = end(first);
    std::byte* const table = to;
    const ItemTable::Header header{behind - first, end(behind).bytes - begin.bytes, end(behind).area - begin.area};
    to = append(to, &header, sizeof header);
    for (std::size_t item = first; item < behind; ++item) {
        const ItemTable::Start start{end(item).bytes - begin.bytes, end(item).area - begin.area};
        to = append(to, &start, sizeof start);
    }
    to = append(to, bytes_.bytes().data() + begin.bytes, header.items_size);
    std::byte* const area = table + aligned(static_cast<std::size_t>(to - table));
    auto part = std::lower_bound(parts_.begin(), parts_.end(), begin.area,
                                 [](const Placed& one, std::size_t position) { return one.position < position; });
    for (; part != parts_.end() && part->position < begin.area + header.area_size; ++part) {
        append(area + (part->position - begin.area), part->bytes.data(), part->bytes.size());
    }
}

ItemTable::ItemTable(std::span<const std::byte> input) {
    Decoder from(input);
    from.read(&header_, sizeof header_);
    starts_ = from.take(header_.count * sizeof(Start));
    items_ = from.take(header_.items_size);
    if (header_.area_size == 0) return;
    const std::size_t before = aligned(input.size() - from.remaining()) - (input.size() - from.remaining());
    from.take(before);
    area_ = from.take(header_.area_size);
}

ItemTable::Item ItemTable::item(std::uint32_t number) const {
    if (number >= header_.count) throw DecodeError("haid: a task has fewer inputs than items");
    Start bounds[2] = {{}, {items_.size(), area_.size()}};
    std::memcpy(bounds, starts_.data() + number * sizeof(Start),
                number + 1 < header_.count ? sizeof bounds : sizeof(Start));
    if (bounds[0].bytes > bounds[1].bytes || bounds[1].bytes > items_.size() || bounds[0].area > area_.size()) {
        throw DecodeError("haid: a task's inputs have no order");
    }
    return {items_.subspan(bounds[0].bytes, bounds[1].bytes - bounds[0].bytes), area_.subspan(bounds[0].area)};
}

// -- the call

void BytesCall::add(std::unique_ptr<Inputs> inputs) {
    if (inputs->count() == 0) return;
    waiting_ += inputs->count();
    waiting_bytes_ += inputs->size();
    hungry_ = false;
    blocks_.push_back({std::move(inputs)});
}

void BytesCall::end_of_input() {
    ended_ = true;
    hungry_ = false;
}

std::optional<std::uint64_t> BytesCall::remaining() const {
    return ended_ ? std::optional(waiting_.load()) : std::nullopt;
}

// All items of a task come from one block: the next one is full.
std::uint32_t BytesCall::fill(detail::TaskWriter& writer) {
    if (blocks_.empty()) {
        hungry_ = !ended_;
        return 0;
    }
    Block& block = blocks_.front();
    const std::size_t first = block.next;
    const std::size_t behind = block.inputs->items_within(first, writer.most_items, most_bytes_of_a_task);
    writer.run = run_;
    writer.share(common_);
    block.inputs->write_table(first, behind, writer.place(block.inputs->table_size(first, behind)));
    block.next = behind;
    const auto count = static_cast<std::uint32_t>(behind - first);
    waiting_ -= count;
    handed_out_ += count;
    if (behind == block.inputs->count()) {
        waiting_bytes_ -= block.inputs->size();
        blocks_.pop_front();
    }
    return count;
}

void BytesCall::values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) {
    std::span<const std::byte> bytes = from.take(from.remaining());
    news_.values.push_back({first, count, std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end())});
    decoded = count;
}

void BytesCall::large_value(std::uint64_t item, std::vector<std::byte>& bytes, std::uint32_t& decoded) {
    news_.values.push_back({item, 1, std::make_shared<std::vector<std::byte>>(std::move(bytes))});
    decoded = 1;
}

void BytesCall::failed(std::uint64_t item, std::exception_ptr error) {
    news_.failures.push_back({item, std::move(error)});
}

BytesCall::News BytesCall::take_news() {
    news_.handed_out = handed_out_;
    return std::exchange(news_, {});
}

void BytesCall::finished() {
    finished_ = true;
    handed_out_ += waiting_.exchange(0);
    blocks_.clear();
    kept_.reset();
    if (when_finished_) when_finished_();
}

}  // namespace haid::python
