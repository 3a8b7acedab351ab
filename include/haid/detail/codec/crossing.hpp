// Which types can cross, and if one cannot, which part of it is to blame; which types are their bytes.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <source_location>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <typeindex>

#include "haid/detail/codec/aggregate.hpp"
#include "haid/detail/codec/type_name.hpp"
#include "haid/detail/codec/types.hpp"

namespace haid {
template <class T>
struct Codec;
}

namespace haid::detail {

template <class T>
concept HasCodec = requires { sizeof(Codec<T>); };

template <class T>
concept Complete = !std::is_void_v<T> && !std::is_function_v<T> && requires { sizeof(T); };

template <class T>
concept Pointer = std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>;

// Its name is all that a closure type shows. g++ writes "f()::<lambda(int)>", clang "(lambda at file.cpp:1:2)".
template <class T>
consteval bool is_closure() {
    constexpr std::string_view name = type_name<T>();
#ifdef __clang__
    return name.starts_with("(lambda at ");
#else
    std::size_t depth = 0;
    std::size_t lambda = name.size();
    for (std::size_t i = 0; i != name.size(); ++i) {
        if (name[i] == '<' && depth++ == 0) lambda = i;
        if (name[i] == '>' && depth != 0) --depth;
    }
    return name.ends_with('>') && name.substr(lambda).starts_with("<lambda(");
#endif
}

// Classes whose members cannot be seen, but that show what they are for, or are known.
template <class T>
inline constexpr bool known_pointer = false;
template <>
inline constexpr bool known_pointer<std::error_code> = true;
template <>
inline constexpr bool known_pointer<std::error_condition> = true;
template <>
inline constexpr bool known_pointer<std::type_index> = true;
template <>
inline constexpr bool known_pointer<std::source_location> = true;
template <class T>
inline constexpr bool known_pointer<std::reference_wrapper<T>> = true;
template <class T>
inline constexpr bool known_pointer<std::initializer_list<T>> = true;
template <class T>
concept SeemsIndirect =
    known_pointer<T> || is_closure<T>() || std::input_or_output_iterator<T> || std::ranges::enable_borrowed_range<T> ||
    std::ranges::enable_view<T> || requires(T value) { value.operator->(); };

template <class T>
concept MaybeValue =
    Complete<T> && !std::is_reference_v<T> && !std::is_volatile_v<T> && !Pointer<T> && !std::is_union_v<T>;
template <class T>
concept WithMembers = MaybeValue<T> && std::is_aggregate_v<T> && !std::is_array_v<T> && !std::is_empty_v<T>;
template <class T>
concept Opaque = MaybeValue<T> && std::is_trivially_copyable_v<T> && std::is_move_constructible_v<T> &&
                 (std::is_empty_v<T> || !SeemsIndirect<T>);

template <class T>
consteval bool is_truth() {
    if constexpr (std::is_enum_v<T>) {
        return std::is_same_v<std::underlying_type_t<T>, bool>;
    } else {
        return std::is_same_v<T, bool>;
    }
}
// Crosses as a byte that is 0 or 1.
template <class T>
concept Truth = is_truth<T>() && !HasCodec<T>;

template <class T, class... Seen>
consteval bool is_among(Types<Seen...>) {
    return (std::is_same_v<T, Seen> || ...);
}

// What decides whether a T can cross.
enum class Rule { refused, accepted, parts_of_codec, element, members };

// Seen: the aggregates that T is part of, for types may be recursive.
template <class T, class Seen>
consteval Rule rule() {
    if constexpr (requires { typename Codec<T>::Parts; }) {
        return Rule::parts_of_codec;
    } else if constexpr (HasCodec<T> || detail::is_among<T>(Seen{})) {
        return Rule::accepted;
    } else if constexpr (std::is_bounded_array_v<T>) {
        return Rule::element;
    } else if constexpr (WithMembers<T>) {
        return count_members<T>() == unknown ? Rule::refused : Rule::members;
    } else {
        return Opaque<T> ? Rule::accepted : Rule::refused;
    }
}

struct Nobody {};

// Type: the first part of T, or T itself, that cannot cross; Nobody if T can.
template <class T, class Seen, Rule = rule<T, Seen>()>
struct FindOffender {
    using Type = T;
};
template <class T, class Seen = Types<>>
using Offender = typename FindOffender<std::remove_const_t<T>, Seen>::Type;

template <class Parts, class Seen>
struct FindOffenderAmong {
    using Type = Nobody;
};
template <class First, class... Rest, class Seen>
struct FindOffenderAmong<Types<First, Rest...>, Seen> {
    using Found = FindOffender<std::remove_const_t<First>, Seen>;
    static constexpr bool innocent = std::is_same_v<typename Found::Type, Nobody>;
    using Type = typename std::conditional_t<innocent, FindOffenderAmong<Types<Rest...>, Seen>, Found>::Type;
};

template <class T, class Seen>
struct FindOffender<T, Seen, Rule::accepted> {
    using Type = Nobody;
};
template <class T, class Seen>
struct FindOffender<T, Seen, Rule::parts_of_codec> : FindOffenderAmong<typename Codec<T>::Parts, Seen> {};
template <class T, class Seen>
struct FindOffender<T, Seen, Rule::element> : FindOffender<std::remove_const_t<std::remove_extent_t<T>>, Seen> {};

template <class T>
consteval bool is_flat();

// T: an aggregate whose members are known.
template <class T>
consteval bool is_flat_aggregate() {
    if constexpr (std::is_trivially_copyable_v<T> && std::is_move_constructible_v<T>) {
        return []<class... Member>(Types<Member...>) {
            return (is_flat<std::remove_const_t<Member>>() && ...);
        }(Members<T>{});
    } else {
        return false;
    }
}

template <class Member>
concept Fillable = !std::is_const_v<Member> && std::is_move_assignable_v<std::remove_all_extents_t<Member>>;

// Whether decoding can make a T of its members: one with arrays is made first, and filled then.
template <class T, class... Member>
consteval bool can_be_made(Types<Member...>) {
    return !(std::is_array_v<Member> || ...) || (std::is_default_constructible_v<T> && (Fillable<Member> && ...));
}

template <class T, class Seen>
struct FindOffender<T, Seen, Rule::members> {
    using Member = typename FindOffenderAmong<Members<T>, decltype(Seen{} + Types<T>{})>::Type;
    static constexpr bool innocent =
        !std::is_same_v<Member, Nobody> || is_flat_aggregate<T>() || detail::can_be_made<T>(Members<T>{});
    using Type = std::conditional_t<innocent, Member, T>;
};

template <class T>
consteval bool can_cross() {
    if constexpr (std::is_array_v<T>) {
        return false;  // no function returns one
    } else {
        return std::is_same_v<Offender<T>, Nobody>;
    }
}

template <class T>
consteval bool is_flat() {
    if constexpr (!std::is_same_v<Offender<T>, Nobody>) {
        return false;
    } else if constexpr (requires { Codec<T>::flat; }) {
        return Codec<T>::flat;
    } else if constexpr (std::is_array_v<T>) {
        return is_flat<std::remove_const_t<std::remove_extent_t<T>>>();
    } else if constexpr (WithMembers<T> && !HasCodec<T>) {
        return is_flat_aggregate<T>();
    } else {
        return Opaque<T> && !HasCodec<T> && !Truth<T>;
    }
}

template <class T>
using PartToBlame = std::conditional_t<std::is_array_v<T>, T, Offender<T>>;

// Compiling it says what is wrong, in one sentence, next to the name of the type and of the part to blame.
template <class T, class Part>
struct MustCross {
    static_assert(std::is_same_v<Part, Nobody>,
                  "haid: this type cannot cross to another process: it holds a pointer, a reference or a view, or its "
                  "type is not known to haid; specialise haid::Codec<T> for it");
};

// What decode returns: a T, or nothing where there can be none.
template <class T>
using Decoded = std::conditional_t<std::is_array_v<T> || std::is_function_v<T>, void, std::remove_const_t<T>>;

}  // namespace haid::detail
