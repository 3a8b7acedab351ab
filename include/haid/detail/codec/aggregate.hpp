// What a struct without a line by its author consists of: the types of its members, or that they cannot be known.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "haid/detail/codec/members.hpp"
#include "haid/detail/codec/takes.hpp"
#include "haid/detail/codec/types.hpp"

namespace haid::detail {

// Stand for the initialiser of a member where only types count, and nothing is called: of any member but an array, of a
// union (an anonymous one too), of a base.
template <class Aggregate>
struct Anything {
    template <class U>
        requires(!std::is_same_v<U, Aggregate>)
    operator U() const noexcept {
        __builtin_unreachable();
    }
};
template <class Aggregate>
struct AnyUnion {
    template <class U>
        requires(!std::is_same_v<U, Aggregate> && std::is_union_v<U>)
    operator U() const noexcept {
        __builtin_unreachable();
    }
};
template <class Aggregate>
struct AnyBase {
    template <class U>
        requires(!std::is_same_v<U, Aggregate> && std::is_base_of_v<U, Aggregate>)
    operator U() const noexcept {
        __builtin_unreachable();
    }
};

template <class T, std::size_t>
using Repeat = T;

template <class T, std::size_t... i>
Types<Repeat<T, i>...> times(std::index_sequence<i...>);
template <class T, std::size_t n>
using Times = decltype(times<T>(std::make_index_sequence<n>{}));

template <class... A, class... B>
consteval Types<A..., B...> operator+(Types<A...>, Types<B...>) {
    return {};
}

inline constexpr std::size_t unknown = static_cast<std::size_t>(-1);

// Members are counted by trying initialisers: `first` of Anything, then pairs of braces. `first` is 0 unless a member
// cannot be made from {}; then it is the position behind the last such member, for there an expression is needed.
template <class T, std::size_t first, std::size_t braces = 0>
consteval std::size_t count_braces() {
    if constexpr (first + braces <= max_members) {
        if constexpr (detail::takes<T, braces + 1>(Times<Anything<T>, first>{}))
            return count_braces<T, first, braces + 1>();
    }
    return braces;
}

struct Shape {
    std::size_t first = unknown;
    std::size_t braces = 0;
    constexpr std::size_t members() const { return first == unknown ? unknown : first + braces; }
};

template <class T, std::size_t first = 0>
consteval Shape find_shape() {
    if constexpr (first > max_members) {
        return {};
    } else if constexpr (!detail::takes<T, 0>(Times<Anything<T>, first>{})) {
        return find_shape<T, first + 1>();
    } else {
        constexpr auto braces = count_braces<T, first>();
        if constexpr (first + braces > max_members) {
            return {};
        } else if constexpr (detail::takes<T, braces>(Times<Anything<T>, first>{}, Types<Anything<T>>{})) {
            return find_shape<T, first + braces + 1>();
        } else {
            return {first, braces};
        }
    }
}

// Whether the expression at `at` stands for the first of `length` elements of an array: then braces around them change
// nothing, and make no room for another expression, as those of a struct would.
template <class T, std::size_t members, std::size_t at, std::size_t length = 2>
consteval bool begins_array() {
    if constexpr (at + length > members) {
        return false;
    } else {
        return []<class... B, class... E, class... A>(Types<B...>, Types<E...>, Types<A...>) {
            return requires {
                T{B{}..., {E{}...}, A{}...};
            } && !requires {
                T{B{}..., {E{}...}, A{}..., Anything<T>{}};
            };
        }(Times<Anything<T>, at>{}, Times<Anything<T>, length>{}, Times<Anything<T>, members - at - length>{}) ||
               begins_array<T, members, at, length + 1>();
    }
}

// Whether one of `members` members at least is an array, if each takes an expression.
template <class T, std::size_t members, std::size_t at = 0>
consteval bool has_array() {
    using Any = Anything<T>;
    if constexpr (at == members) {
        return false;
    } else if constexpr (detail::takes<T, 1>(Times<Any, at>{}, Times<Any, members - at - 1>{})) {
        return has_array<T, members, at + 1>();  // one pair of braces for one expression: no array
    } else {
        return begins_array<T, members, at>() || has_array<T, members, at + 1>();
    }
}

// Whether the number of members may be wrong: in front of a member without a default, elements of arrays were counted.
template <class T, Shape shape>
consteval bool may_be_wrong() {
    using Any = Anything<T>;
    constexpr std::size_t members = shape.members();
    if constexpr (shape.first == 0) {
        return false;
    } else if constexpr (detail::takes<T, 0>(Times<Any, members>{}) &&
                         !detail::takes<T, 0>(Times<Any, members + 1>{})) {
        return has_array<T, members>();
    } else {
        return true;
    }
}

// Whether an initialiser of type Probe fits at position `at`.
template <class T, Shape shape, class Probe, std::size_t at>
consteval bool fits() {
    using Any = Anything<T>;
    if constexpr (at < shape.first) {
        return detail::takes<T, shape.braces>(Times<Any, at>{} + Types<Probe>{} + Times<Any, shape.first - at - 1>{});
    } else {
        return detail::takes<T, at - shape.first>(Times<Any, shape.first>{}, Types<Probe>{});
    }
}

template <class T, Shape shape, std::size_t... at>
consteval bool has_union(std::index_sequence<at...>) {
    return (fits<T, shape, AnyUnion<T>, at>() || ...);
}

// The number of members of the aggregate T, or `unknown`: if it has a base, a union, more than max_members, a reference
// that is not const, or both a member without a default and an array.
template <class T>
consteval std::size_t count_members() {
    constexpr Shape shape = find_shape<T>();
    if constexpr (shape.members() == unknown || shape.members() == 0) {
        return shape.members();
    } else if constexpr (may_be_wrong<T, shape>() || fits<T, shape, AnyBase<T>, 0>()) {
        return unknown;
    } else {
        return detail::has_union<T, shape>(std::make_index_sequence<shape.members()>{}) ? unknown : shape.members();
    }
}

// Not a lambda: one in an unevaluated operand makes g++ 12 lose the function around it.
struct TypesOf {
    template <class Declared, class... Member>
    constexpr Declared operator()(Declared, const Member&...) const {
        return {};
    }
};

// Types<declared types of the members...>. T: an aggregate whose members are known.
template <class T>
using Members = decltype(detail::with_members<count_members<T>()>(std::declval<T&>(), TypesOf{}));

}  // namespace haid::detail
