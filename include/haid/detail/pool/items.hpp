// The items of a call on their way out: read from a range, written for a worker, or run in a thread. Not for users.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "haid/detail/pool/call.hpp"
#include "haid/detail/pool/callable.hpp"
#include "haid/result.hpp"

namespace haid::detail {

// More in one task would leave the caches on its way.
inline constexpr std::size_t most_bytes_of_a_task = 256 * 1024;

// Writes items for ItemReader to read.
template <class T>
class ItemWriter {
  public:
    explicit ItemWriter(BufferEncoder& to) : to_(to) {}

    void add(const T& item) {
        if constexpr (flat<T>) {
            haid::encode(to_, item);
        } else {
            starts_.push_back(static_cast<std::uint32_t>(items_.bytes().size()));
            haid::encode(items_, item);
        }
        ++count_;
    }
    bool full() const { return (flat<T> ? to_ : items_).bytes().size() >= most_bytes_of_a_task; }
    std::uint32_t count() const { return count_; }

    void finish(TaskWriter& writer) {
        if constexpr (!flat<T>) {
            haid::encode(to_, count_);
            if (count_ > 1) to_.write(starts_.data(), starts_.size() * sizeof(std::uint32_t));
            // Items may be large: they are copied once, and the writer's buffer, which is kept, does not become so.
            const std::span<const std::byte> head = to_.bytes();
            const std::span<const std::byte> items = items_.bytes();
            std::byte* const place = writer.place(head.size() + items.size());
            std::memcpy(place, head.data(), head.size());
            if (!items.empty()) std::memcpy(place + head.size(), items.data(), items.size());
        }
    }

  private:
    BufferEncoder& to_;
    BufferEncoder items_;
    std::vector<std::uint32_t> starts_;
    std::uint32_t count_ = 0;
};

// Items that lie somewhere, so that there is no need to copy them.
template <class Range>
inline constexpr bool items_stay =
    std::ranges::forward_range<Range> && std::is_lvalue_reference_v<std::ranges::range_reference_t<Range>>;

// Whether going from item to item runs nobody's code: a container, and views that do no more than choose by number.
// What another view does when it is read, nobody knows: perhaps it uses the very pool, whose lock is held while a call
// reads its input.
template <class Range>
inline constexpr bool steps_are_plain = !std::ranges::view<Range> || std::ranges::contiguous_range<Range>;
template <class Range>
inline constexpr bool steps_are_plain<std::ranges::ref_view<Range>> = steps_are_plain<Range>;
template <class Range>
inline constexpr bool steps_are_plain<std::ranges::owning_view<Range>> = steps_are_plain<Range>;
template <class View>
inline constexpr bool steps_are_plain<std::ranges::take_view<View>> = steps_are_plain<View>;
template <class View>
inline constexpr bool steps_are_plain<std::ranges::drop_view<View>> = steps_are_plain<View>;
template <class View>
inline constexpr bool steps_are_plain<std::ranges::reverse_view<View>> = steps_are_plain<View>;
template <class From, class To>
inline constexpr bool steps_are_plain<std::ranges::iota_view<From, To>> = std::is_integral_v<From>;

// Whether the items are there already, so that reading one is no more than looking at it.
template <class Items>
inline constexpr bool readable_in_place =
    steps_are_plain<std::remove_cvref_t<Items>> && std::ranges::forward_range<Items> &&
    (items_stay<Items> || std::ranges::borrowed_range<std::remove_cvref_t<Items>>);

template <class Items>
auto collected(Items& items) {
    std::vector<std::ranges::range_value_t<Items>> all;
    if constexpr (std::ranges::sized_range<Items>) all.reserve(static_cast<std::size_t>(std::ranges::size(items)));
    for (auto&& item : items) all.push_back(std::forward<decltype(item)>(item));
    return all;
}

// The items where they lie, from `items` to the end of what this returns: a range whose steps are plain.
template <class Items>
auto located(std::shared_ptr<Items> items) {
    using T = std::remove_reference_t<std::ranges::range_reference_t<Items>>;
    std::vector<T*> all;
    for (T& item : *items) all.push_back(std::addressof(item));
    return std::ranges::owning_view(std::move(all)) |
           std::views::transform([items = std::move(items)](T* item) -> T& { return *item; });
}

// A range that is read once, from its beginning to its end.
template <class Range>
class Input {
  public:
    using T = std::ranges::range_value_t<Range>;
    // What a thread holds of an item while it runs: the item where it lies, if that stays.
    static constexpr bool stays = items_stay<Range>;
    using Held =
        std::conditional_t<stays,
                           std::reference_wrapper<std::remove_reference_t<std::ranges::range_reference_t<Range>>>, T>;

    explicit Input(Range range) : range_(std::move(range)), at_(std::ranges::begin(range_)) {}

    bool at_end() const {
        settle();
        return at_ == std::ranges::end(range_);
    }
    Held take() {
        settle();
        if constexpr (stays) {
            return *at_++;
        } else {
            Held item(*at_);
            taken_ = true;
            return item;
        }
    }
    std::optional<std::uint64_t> remaining() const {
        settle();
        if constexpr (std::sized_sentinel_for<std::ranges::sentinel_t<Range>, std::ranges::iterator_t<Range>>) {
            return static_cast<std::uint64_t>(std::ranges::end(range_) - at_);
        } else {
            return std::nullopt;
        }
    }
    static constexpr bool contiguous = std::ranges::contiguous_range<Range>;
    const T* data() const
        requires contiguous
    {
        return std::to_address(at_);
    }
    void skip(std::uint64_t count) { std::ranges::advance(at_, static_cast<std::ptrdiff_t>(count)); }

  private:
    // Going on from an item may be what reads the next one (a line of a stream): not before that is wanted.
    void settle() const {
        if (taken_) ++at_;
        taken_ = false;
    }

    mutable Range range_;
    mutable std::ranges::iterator_t<Range> at_;
    mutable bool taken_ = false;  // the item at at_
};

// Writes up to writer.most_items of what `next` gives, a std::optional each time.
template <class F, class T, Spread spread, class Next>
std::uint32_t write_items(TaskWriter& writer, const F& f, Next next) {
    writer.run = &run_items<F, T, spread>;
    writer.context = Callable<F>::context(f);
    if constexpr (flat<T> && !Callable<F>::in_input) {
        if (writer.most_items == 1) {
            auto item = next();
            if (!item) return 0;
            const T& value = *item;
            std::memcpy(writer.place(sizeof(T)), &value, sizeof(T));
            return 1;
        }
    }
    BufferEncoder& to = writer.buffer();
    Callable<F>::send(to, f);
    ItemWriter<T> items(to);
    while (items.count() < writer.most_items && !items.full()) {
        auto item = next();
        if (!item) break;
        items.add(*item);
    }
    if (items.count() > 0) items.finish(writer);
    return items.count();
}

// The items that a thread runs at a time.
template <class Gatherer, class F, class Held, Spread spread>
class ThreadTask final : public LocalTask {
  public:
    using R = typename Gatherer::Item;

    // `most`: items that it will have.
    ThreadTask(Gatherer& call, F& f, std::uint64_t first, std::uint32_t most) : LocalTask(first), call_(call), f_(f) {
        items_.reserve(std::min<std::size_t>(most, 100));
    }
    void add(Held item) { items_.push_back({std::move(item), std::nullopt}); }
    bool empty() const { return items_.empty(); }
    std::uint32_t size() const override { return static_cast<std::uint32_t>(items_.size()); }

    bool run(std::uint32_t item) override {
        auto& [held, result] = items_[item];
        const std::uint64_t index = first() + item;
        try {
            auto&& argument = unwrap(held);
            if constexpr (std::is_void_v<R>) {
                detail::call_with<spread>(f_, argument);
                result.emplace(index, std::monostate{});
            } else {
                result.emplace(index, detail::call_with<spread>(f_, argument));
            }
            return true;
        } catch (...) {
            result.emplace(index, std::current_exception());
            return false;
        }
    }
    std::exception_ptr error(std::uint32_t item) const override { return items_[item].result->error(); }
    std::unique_ptr<LocalTask> again(std::uint32_t item) override {
        auto task = std::make_unique<ThreadTask>(call_, f_, first() + item, 1);
        task->add(std::move(items_[item].held));
        return task;
    }
    void give(std::uint32_t from, std::uint32_t to) override {
        for (; from < to; ++from) call_.put(*std::move(items_[from].result));
    }

  private:
    struct Item {
        Held held;
        std::optional<Result<R>> result;
    };

    template <class U>
    static U& unwrap(std::reference_wrapper<U>& item) {
        return item.get();
    }
    template <class U>
    static U& unwrap(U& item) {
        return item;
    }

    Gatherer& call_;
    F& f_;
    std::vector<Item> items_;
};

// A map over a range, whose results go where Base puts them.
template <class Base, class F, class Range, Spread spread, bool crossing>
class MapCall final : public Base {
  public:
    using T = typename Input<Range>::T;

    MapCall(Limits limits, F f, Range range) : Base(limits), f_(std::move(f)), input_(std::move(range)) {}

    bool exhausted() const override { return input_.at_end(); }
    std::optional<std::uint64_t> remaining() const override { return input_.remaining(); }

    std::uint32_t fill(TaskWriter& writer) override {
        if constexpr (!crossing) {
            return 0;
        } else if constexpr (Input<Range>::contiguous && flat<T> && !Callable<F>::in_input) {
            auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(
                {writer.most_items, *input_.remaining(), std::max<std::size_t>(most_bytes_of_a_task / sizeof(T), 1)}));
            if (count == 0) return 0;
            writer.run = &run_items<F, T, spread>;
            writer.context = Callable<F>::context(f_);
            std::memcpy(writer.place(count * sizeof(T)), input_.data(), count * sizeof(T));
            input_.skip(count);
            return count;
        } else {
            return detail::write_items<F, T, spread>(writer, f_, [&]() -> std::optional<typename Input<Range>::Held> {
                if (input_.at_end()) return std::nullopt;
                return input_.take();
            });
        }
    }

    std::unique_ptr<LocalTask> take(std::uint32_t most) override {
        if constexpr (crossing) {
            return nullptr;
        } else {
            auto task =
                std::make_unique<ThreadTask<Base, F, typename Input<Range>::Held, spread>>(*this, f_, taken_, most);
            while (task->size() < most && !input_.at_end()) task->add(input_.take());
            taken_ += task->size();
            return task->empty() ? nullptr : std::move(task);
        }
    }

  private:
    F f_;
    Input<Range> input_;
    std::uint64_t taken_ = 0;
};

}  // namespace haid::detail
