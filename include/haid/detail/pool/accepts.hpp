// Which calls can be made, and of one that cannot, in one sentence, what is wrong with it. Not for users.
//
// The concepts are asked in functions and not in the signatures of a pool: there compilers begin with "no matching
// function", and what does not match stands far below. Where one of these functions is false it has said why: the rest
// of the call is not to be compiled, for what else there is to complain about then is noise. It gives a Refused.
#pragma once

#include <concepts>
#include <ranges>
#include <type_traits>

#include "haid/codec.hpp"
#include "haid/detail/pool/callable.hpp"
#include "haid/detail/pool/items.hpp"
#include "haid/detail/pool/kept.hpp"

namespace haid::detail {

// What stands for the outcome of a call that was refused, so that compilers have little to say of the lines that use
// it.
struct Refused {
    template <class T>
    operator T() const;
    Refused get() const;
    Refused& operator*() const;
    Refused* begin() const;
    Refused* end() const;
};

// Who runs the items: processes that were there before them, with copies, …
struct Processes {
    static constexpr bool crossing = true;
    template <class Range>
    using Argument = std::ranges::range_value_t<Range>;
};
// … or threads, with the items where they lie, or where the call has put them.
struct Threads {
    static constexpr bool crossing = false;
    template <class Range>
    using Argument = std::conditional_t<items_stay<Range>, std::ranges::range_reference_t<Range>,
                                        std::ranges::range_value_t<Range>&>;
};

// What a call of F with an item gives.
template <class Workers, Spread spread, class F, class Range>
using result_on = result_of<spread, std::decay_t<F>, typename Workers::template Argument<Range>>;

// The pool can have a function of its own.
template <class F>
concept Keepable = std::constructible_from<std::decay_t<F>, F>;

// Where items are read after the line in which they stand: they are still there.
template <class Items>
concept Lasting = std::is_lvalue_reference_v<Items> || std::ranges::viewable_range<Items>;

// Can be called with an outcome of type T, once that is there.
template <class Callback, class T>
concept CallbackFor = std::is_null_pointer_v<Callback> ||
                      (std::copy_constructible<Callback> && ((std::is_void_v<T> && std::invocable<const Callback&>) ||
                                                             std::invocable<const Callback&, const T&>));

template <class Items>
consteval bool accepts_items() {
    static_assert(std::ranges::input_range<Items>,
                  "haid: these items are no range: first comes the function, then what it is called with, such as a "
                  "std::vector");
    return std::ranges::input_range<Items>;
}
template <class Items>
consteval bool accepts_items_read_later() {
    if constexpr (accepts_items<Items>()) {
        static_assert(Lasting<Items>,
                      "haid: imap reads these items later, and they are gone then: a temporary that cannot be moved; "
                      "give it a name");
        return Lasting<Items>;
    } else {
        return false;
    }
}

template <class Callback, class T>
consteval bool accepts_callback() {
    static_assert(CallbackFor<Callback, T>,
                  "haid: the callback is called with the whole result, as const T& (of a map: const std::vector<R>&), "
                  "or with nothing where that is void; and it is copied");
    return CallbackFor<Callback, T>;
}

template <class Workers, Spread spread, class F, class Range>
consteval bool accepts_function() {
    using Argument = typename Workers::template Argument<Range>;
    constexpr bool of_apply = is_arguments<Range>;
    if constexpr (CallableWith<F, Argument, spread>) {
        return true;
    } else if constexpr (of_apply && !TupleLike<Argument>) {
        static_assert(TupleLike<Argument>, "haid: apply_async takes the arguments as a tuple: f, std::tuple{1, 2}");
    } else if constexpr (of_apply && Workers::crossing) {
        static_assert(CallableWith<F, Argument, spread>,
                      "haid: the function cannot be called with these arguments: a worker has copies of them, so it "
                      "takes them by value or as const T&, not as T&, and a C string as std::string");
    } else if constexpr (of_apply) {
        static_assert(CallableWith<F, Argument, spread>,
                      "haid: the function cannot be called with these arguments, of which the pool has copies of its "
                      "own");
    } else if constexpr (spread == Spread::item && CallableWith<F, Argument, Spread::tuple>) {
        static_assert(CallableWith<F, Argument, spread>,
                      "haid: the function takes the elements of an item one by one: that is starmap");
    } else if constexpr (spread == Spread::item && Workers::crossing) {
        static_assert(CallableWith<F, Argument, spread>,
                      "haid: the function cannot be called with the items: a worker has copies of them, so it takes "
                      "them by value or as const T&, not as T&");
    } else if constexpr (spread == Spread::item) {
        static_assert(CallableWith<F, Argument, spread>,
                      "haid: the function cannot be called with the items: a ThreadPool and haid::map call it with the "
                      "items themselves, so it takes them as T& or, where they are const, as const T&, not as T&&");
    } else if constexpr (!TupleLike<Argument>) {
        static_assert(TupleLike<Argument>,
                      "haid: starmap wants items that are tuples (or pairs) of arguments; for one argument there is "
                      "map");
    } else if constexpr (Workers::crossing) {
        static_assert(CallableWith<F, Argument, spread>,
                      "haid: the function cannot be called with the elements of an item: it takes as many as a tuple "
                      "has, and by value or as const T&, not as T&, for a worker has copies of them");
    } else {
        static_assert(CallableWith<F, Argument, spread>,
                      "haid: the function cannot be called with the elements of an item: it takes as many as a tuple "
                      "has, and as T& or, where they are const, as const T&, not as T&&");
    }
    return false;
}

// The part of it that cannot cross stands next to the sentence, in the compiler's own words.
template <class Item, class PartToBlame>
consteval bool items_cross() {
    static_assert(std::is_same_v<PartToBlame, Nobody>,
                  "haid: the items, or arguments, cannot cross to another process: they hold a pointer, a reference or "
                  "a view, or something that is not known to haid; specialise haid::Codec<T> for it");
    return Crossable<Item>;
}
template <class Result, class PartToBlame>
consteval bool result_crosses() {
    static_assert(std::is_same_v<PartToBlame, Nobody>,
                  "haid: the function's result cannot cross to another process: it holds a pointer, a reference or a "
                  "view, or something that is not known to haid; specialise haid::Codec<T> for it");
    return Crossable<Result>;
}
template <class Result>
consteval bool accepts_result() {
    if constexpr (std::is_void_v<Result>) {
        return true;
    } else {
        return result_crosses<Result, PartToBlame<Result>>();
    }
}

// All that a pool asks of a call.
template <class Workers, Spread spread, class F, class Range>
consteval bool accepts_call() {
    using Function = std::decay_t<F>;
    using Item = std::ranges::range_value_t<Range>;
    if constexpr (!Keepable<F>) {
        static_assert(Keepable<F>,
                      "haid: the pool keeps a function of its own, and this one cannot be copied: hand it over "
                      "(std::move)");
        return false;
    } else if constexpr (!accepts_function<Workers, spread, Function, Range>() || !Workers::crossing) {
        return CallableWith<Function, typename Workers::template Argument<Range>, spread>;
    } else if constexpr (!Sendable<Function>) {
        static_assert(Sendable<Function>,
                      "haid: this function captures variables, or may (std::function), which the workers of a Pool do "
                      "not have: give it what it needs as arguments (starmap), or use haid::map, which forks when it "
                      "is called");
        return false;
    } else if constexpr (items_cross<Item, PartToBlame<Item>>()) {
        return accepts_result<result_on<Workers, spread, F, Range>>();
    } else {
        return false;
    }
}

}  // namespace haid::detail
