// Whether an aggregate can be initialised with so many empty braces. A table, for a pack cannot be expanded to braces.
#pragma once

#include <cstddef>
#include <utility>

#include "haid/detail/codec/members.hpp"
#include "haid/detail/codec/types.hpp"

namespace haid::detail {

// Whether T{First{}..., {} as often as `braces` says, Last{}...} is well-formed. A pair of braces always stands for one
// member, an array too, where an expression may stand for the first element of an array only (brace elision).
// clang-format off: it would space the braces unevenly
template <class T, std::size_t braces, class... First, class... Last>
consteval bool takes(Types<First...>, Types<Last...> = Types<>{}) {
    static_assert(braces <= max_members + 1);
    if constexpr (braces == 0) {
        return requires { T{First{}..., Last{}...}; };
    } else if constexpr (braces == 1) {
        return requires { T{First{}..., {}, Last{}...}; };
    } else if constexpr (braces == 2) {
        return requires { T{First{}..., {}, {}, Last{}...}; };
    } else if constexpr (braces == 3) {
        return requires { T{First{}..., {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 4) {
        return requires { T{First{}..., {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 5) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 6) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 7) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 8) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 9) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 10) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 11) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 12) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 13) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 14) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 15) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 16) {
        return requires { T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...}; };
    } else if constexpr (braces == 17) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 18) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 19) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 20) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 21) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {},       {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 22) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 23) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},       {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 24) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 25) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},       {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 26) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 27) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},       {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 28) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 29) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},       {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 30) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 31) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},       {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 32) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    } else if constexpr (braces == 33) {
        return requires {
            T{First{}..., {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},       {},
              {},         {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, Last{}...};
        };
    }
}
// clang-format on

}  // namespace haid::detail
