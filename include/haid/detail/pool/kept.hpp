// How a call keeps the items that it was given, for as long as it reads them. Not for users.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "haid/detail/pool/items.hpp"

namespace haid::detail {

// The arguments of one call of a function, as the only item of a map. They lie in the call itself.
template <class Tuple>
class Arguments : public std::ranges::view_base {
  public:
    explicit Arguments(Tuple tuple) : tuple_(std::move(tuple)) {}

    Tuple* begin() { return &tuple_; }
    Tuple* end() { return &tuple_ + 1; }

  private:
    Tuple tuple_;
};
template <class Range>
inline constexpr bool is_arguments = false;
template <class Tuple>
inline constexpr bool is_arguments<Arguments<Tuple>> = true;

template <class Range>
std::optional<std::size_t> size_of(Range& range) {
    if constexpr (std::ranges::sized_range<Range>) {
        return static_cast<std::size_t>(std::ranges::size(range));
    } else {
        return std::nullopt;
    }
}

// For a call that reads them as it goes: a view of the caller's, or what was handed over.
template <class Items>
auto view_of(Items&& items) {
    if constexpr (std::ranges::viewable_range<Items>) {
        return std::views::all(std::forward<Items>(items));
    } else {
        return std::ranges::subrange(std::ranges::begin(items),
                                     std::ranges::end(items));  // a view that cannot be copied
    }
}

// For a call that the caller waits for: the items where they lie. What has to be read to be there is read now.
template <class Items>
auto lent(Items&& items) {
    if constexpr (readable_in_place<Items>) {
        return detail::view_of(std::forward<Items>(items));
    } else if constexpr (items_stay<Items>) {
        return detail::located(
            std::shared_ptr<std::remove_reference_t<Items>>(std::shared_ptr<void>(), std::addressof(items)));
    } else {
        return std::ranges::owning_view(detail::collected(items));
    }
}

// For a call that nobody waits for: the items themselves, moved or copied. What has to be read to be there is read now.
template <class Items>
auto kept(Items&& items) {
    using Range = std::remove_cvref_t<Items>;
    if constexpr (!readable_in_place<Items> && items_stay<Items> && std::ranges::viewable_range<Items>) {
        return detail::located(std::make_shared<std::views::all_t<Items>>(std::views::all(std::forward<Items>(items))));
    } else if constexpr (readable_in_place<Items> && std::ranges::viewable_range<Range> &&
                         std::constructible_from<Range, Items>) {
        return std::views::all(Range(std::forward<Items>(items)));
    } else {
        return std::ranges::owning_view(detail::collected(items));
    }
}

}  // namespace haid::detail
