// Functions of the program by number: what a task carries must mean the same in every process of it. Not for users.
#pragma once

#include <cstdint>
#include <type_traits>

namespace haid::detail {

template <class F>
inline constexpr bool is_function_pointer = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;

// Something of the program to measure the addresses of its functions from: a forked process has its code where its
// parent has it.
inline void origin_of_functions() {}

template <class F>
std::uint64_t number_of(F function) {
    static_assert(is_function_pointer<F>);
    return reinterpret_cast<std::uintptr_t>(function) - reinterpret_cast<std::uintptr_t>(&origin_of_functions);
}

template <class F>
F function_of(std::uint64_t number) {
    static_assert(is_function_pointer<F>);
    const auto address = static_cast<std::uintptr_t>(number + reinterpret_cast<std::uintptr_t>(&origin_of_functions));
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number is what crosses
    return reinterpret_cast<F>(address);
}

}  // namespace haid::detail
