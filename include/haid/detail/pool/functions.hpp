// Functions of the program by number: what a task carries must mean the same in every process of it. Not for users.
#pragma once

#include <cstdint>
#include <cstring>
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

// Something else of the program. Its address is even, so that a number shows as well as an address whether it is that
// of a virtual function; a function's address need not be.
alignas(std::uintptr_t) inline const std::uintptr_t origin_of_members = 0;

// A pointer to a member function, with a number in place of its address: its representation is the Itanium ABI's (2.3:
// an address, or the place in a table, and an offset), which all compilers for Linux follow.
template <class F>
struct MemberNumber {
    static_assert(std::is_member_function_pointer_v<F>);
    unsigned char bytes[sizeof(F)];

    static MemberNumber of(F function) {
        MemberNumber number;
        std::memcpy(number.bytes, &function, sizeof function);
        move(number.bytes, -origin());
        return number;
    }
    // `function` becomes that of the number.
    void put_into(F& function) const {
        MemberNumber copy = *this;
        move(copy.bytes, origin());
        std::memcpy(&function, copy.bytes, sizeof function);
    }

  private:
    static std::uintptr_t origin() { return reinterpret_cast<std::uintptr_t>(&origin_of_members); }
    static void move(unsigned char* bytes, std::uintptr_t by) {
        std::uintptr_t words[2];
        std::memcpy(words, bytes, sizeof words);
#if defined(__aarch64__) || defined(__arm__)
        const bool is_virtual = (words[1] & 1) != 0;
#else
        const bool is_virtual = (words[0] & 1) != 0;
#endif
        if (!is_virtual) words[0] += by;
        std::memcpy(bytes, words, sizeof words);
    }
};

}  // namespace haid::detail
