// How functions and their arguments cross to the workers of a Pool. Not for users.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "haid/codec.hpp"
#include "haid/detail/pool/functions.hpp"
#include "haid/detail/pool/task.hpp"

namespace haid::detail {

// It is its type: functions objects without members, lambdas that capture nothing.
template <class F>
inline constexpr bool stateless = std::is_empty_v<F> && std::default_initializable<F>;

// A lambda with captures cannot be told from a class by the language; but it is neither an aggregate nor can it be made
// without its captures, and nobody writes a Codec for one.
template <class F>
inline constexpr bool has_sendable_state =
    std::is_class_v<F> && (std::is_aggregate_v<F> || std::default_initializable<F> || HasCodec<F>)&&Crossable<F>;

// The workers of a Pool can have it.
template <class F>
concept Sendable = is_function_pointer<F> || std::is_member_pointer_v<F> || stateless<F> || has_sendable_state<F>;

// `context` is a number that every task carries at no cost; what does not fit there goes in front of the input.
template <class F>
struct Callable {
    static constexpr bool in_context = is_function_pointer<F>;
    static constexpr bool in_input = !in_context && !stateless<F>;

    static std::uint64_t context(const F& f) {
        if constexpr (in_context) {
            return detail::number_of(f);
        } else {
            return 0;
        }
    }
    static void send(Encoder& to, const F& f) {
        if constexpr (std::is_member_function_pointer_v<F>) {
            const auto number = MemberNumber<F>::of(f);
            to.write(&number, sizeof number);
        } else if constexpr (std::is_member_pointer_v<F>) {
            to.write(&f, sizeof f);
        } else if constexpr (in_input) {
            haid::encode(to, f);
        }
    }
    static F receive(std::uint64_t context, Decoder& from) {
        if constexpr (in_context) {
            return detail::function_of<F>(context);
        } else if constexpr (std::is_member_function_pointer_v<F>) {
            MemberNumber<F> number;
            from.read(&number, sizeof number);
            F f;
            number.put_into(f);
            return f;
        } else if constexpr (std::is_member_pointer_v<F>) {
            F f;
            from.read(&f, sizeof f);
            return f;
        } else if constexpr (in_input) {
            return haid::decode<F>(from);
        } else {
            return F{};
        }
    }
};

// Whether an item is the argument, or a tuple of arguments, or one whose elements are moved into the function.
enum class Spread { item, tuple, moved_tuple };

template <Spread spread, class F, class T>
decltype(auto) call_with(F& f, T&& item) {
    if constexpr (spread == Spread::tuple) {
        return std::apply(f, std::forward<T>(item));
    } else if constexpr (spread == Spread::moved_tuple) {
        return std::apply(f, static_cast<std::remove_reference_t<T>&&>(item));
    } else {
        return std::invoke(f, std::forward<T>(item));
    }
}

template <class T>
concept TupleLike = requires { std::tuple_size<std::remove_cvref_t<T>>::value; };

template <class F, class Tuple>
consteval bool takes_elements_of() {
    if constexpr (TupleLike<Tuple>) {
        return []<std::size_t... index>(std::index_sequence<index...>) {
            return std::is_invocable_v<F&, decltype(std::get<index>(std::declval<Tuple>()))...>;
        }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<Tuple>>>{});
    } else {
        return false;
    }
}

// call_with<spread>(f, item) compiles.
template <class F, class Item, Spread spread>
concept CallableWith = (spread == Spread::item && std::is_invocable_v<F&, Item>) ||
                       (spread == Spread::tuple && takes_elements_of<F, Item>()) ||
                       (spread == Spread::moved_tuple && takes_elements_of<F, std::remove_reference_t<Item>>());

template <class T>
inline constexpr bool is_character =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
    std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;

// What becomes of the arguments of an apply on their way to the function. A pointer to a text means nothing in another
// process: there the text itself arrives.
template <class T>
struct InOtherProcess {
    using type = T;
};
template <class C>
    requires(is_character<C>)
struct InOtherProcess<const C*> {
    using type = std::basic_string<C>;
};
template <class C>
    requires(is_character<C>)
struct InOtherProcess<C*> {
    using type = std::basic_string<C>;
};
template <class... T>
struct InOtherProcess<std::tuple<T...>> {
    using type = std::tuple<typename InOtherProcess<T>::type...>;
};
template <class T, bool crossing>
using carried = typename std::conditional_t<crossing, InOtherProcess<T>, std::type_identity<T>>::type;

template <Spread spread, class F, class T>
using result_of = std::remove_cvref_t<decltype(detail::call_with<spread>(std::declval<F&>(), std::declval<T>()))>;

// The items of a task, any of them. Flat ones lie one behind another; of others there is first how many there are and,
// if more than one, where each begins.
template <class T>
class ItemReader {
  public:
    explicit ItemReader(Decoder& from) {
        if constexpr (flat<T>) {
            items_ = from.take(from.remaining());
        } else {
            count_ = haid::decode<std::uint32_t>(from);
            if (count_ > 1) starts_ = from.take(count_ * sizeof(std::uint32_t));
            items_ = from.take(from.remaining());
        }
    }

    T read(std::uint32_t item) const {
        if constexpr (flat<T>) {
            const std::size_t start = item * sizeof(T);
            if (start + sizeof(T) > items_.size()) throw DecodeError("haid: a task has fewer inputs than items");
            if constexpr (std::is_trivially_copyable_v<T>) {
                std::array<std::byte, sizeof(T)> bytes;
                std::memcpy(bytes.data(), items_.data() + start, sizeof(T));
                return std::bit_cast<T>(bytes);
            } else {
                Decoder from(items_.subspan(start));
                return haid::decode<T>(from);
            }
        } else {
            std::uint32_t start = 0;
            if (count_ > 1) {
                Decoder starts(starts_.subspan(std::min(item * sizeof start, starts_.size())));
                start = haid::decode<std::uint32_t>(starts);
            }
            Decoder from(items_.subspan(std::min<std::size_t>(start, items_.size())));
            return haid::decode<T>(from);
        }
    }

  private:
    std::span<const std::byte> items_;
    std::span<const std::byte> starts_;
    std::uint32_t count_ = 0;
};

// Runs the items of a task, each of which item_at() gives by its number in the task.
template <Spread spread, class R, class F, class ItemAt>
void run_each(Task& task, F& f, const ItemAt& item_at) {
    if constexpr (!std::is_void_v<R>) {
        if constexpr (flat<R> && sizeof(R) <= Task::largest_flat) {
            return task.run_all<R>(
                [&](std::uint32_t item) -> R { return detail::call_with<spread>(f, item_at(item)); });
        }
    }
    while (task.claim()) {
        while (task.next()) {
            try {
                if constexpr (std::is_void_v<R>) {
                    detail::call_with<spread>(f, item_at(task.item()));
                } else {
                    task.write_value<R>(detail::call_with<spread>(f, item_at(task.item())));
                }
            } catch (...) {
                task.failed(std::current_exception());
            }
        }
    }
}

// What runs in a worker for each task of a map.
template <class F, class T, Spread spread>
void run_items(Task& task) {
    try {
        Decoder from(task.input());
        F f = Callable<F>::receive(task.context(), from);
        ItemReader<T> items(from);
        detail::run_each<spread, result_of<spread, F, T>>(task, f,
                                                          [&](std::uint32_t item) { return items.read(item); });
    } catch (...) {
        // The function or the items cannot be decoded.
        while (task.claim()) {
            while (task.next()) task.failed(std::current_exception());
        }
    }
}

}  // namespace haid::detail
