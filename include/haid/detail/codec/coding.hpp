// encode and decode: bytes as they are, members one after the other, or what a Codec says. The rest of codec.hpp, which
// includes it at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace haid::detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void refuse(std::string_view type, std::string_view what,
                                                          std::uint64_t number, std::string_view but) {
    throw DecodeError("haid: cannot decode " + std::string(type) + ": " + std::string(what) + std::to_string(number) +
                      std::string(but));
}

// Counts how deeply recursive types are nested while it lives.
template <class Coder>
class Level {
  public:
    Level(Coder& coder, std::string_view type) : levels_(coder.levels()) {
        if (levels_ == max_nesting) fail(type);
        ++levels_;
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --levels_; }

  private:
    [[noreturn, gnu::cold, gnu::noinline]] static void fail(std::string_view type) {
        using Fault = std::conditional_t<std::is_same_v<Coder, Decoder>, DecodeError, Error>;
        throw Fault("haid: " + std::string(type) + " is nested more than " + std::to_string(max_nesting) +
                    " levels deep");
    }

    std::size_t& levels_;
};

template <class T>
T decode_flat(Decoder& from) {
    if constexpr (std::is_trivially_default_constructible_v<T>) {
        T value;  // large ones need not lie on the stack twice
        from.read(static_cast<void*>(std::addressof(value)), sizeof(T), type_name<T>());
        return value;
    } else {
        alignas(T) std::byte memory[sizeof(T)];
        from.read(memory, sizeof(T), type_name<T>());
        return std::move(*std::launder(reinterpret_cast<T*>(memory)));
    }
}

// A byte that is 0 or 1. T: what it belongs to.
template <class T>
bool decode_flag(Decoder& from) {
    std::uint8_t flag;
    from.read(&flag, 1, type_name<T>());
    if (flag > 1) detail::refuse(type_name<T>(), "its first byte is ", flag, ", neither 0 nor 1");
    return flag != 0;
}

template <class Member>
void encode_member(Encoder& to, const Member& member) {
    if constexpr (flat<Member>) {
        to.write(std::addressof(member), sizeof(Member));
    } else if constexpr (std::is_array_v<Member>) {
        for (const auto& element : member) detail::encode_member(to, element);
    } else {
        haid::encode(to, member);
    }
}

template <class Member>
void decode_member(Decoder& from, Member& member) {
    if constexpr (std::is_array_v<Member> && flat<Member>) {
        from.read(member, sizeof(Member), type_name<Member>());
    } else if constexpr (std::is_array_v<Member>) {
        for (auto& element : member) detail::decode_member(from, element);
    } else {
        member = haid::decode<Member>(from);
    }
}

template <class T>
void encode_aggregate(Encoder& to, const T& value) {
    const Level level(to, type_name<T>());
    detail::with_members<count_members<T>()>(
        value, [&to](auto, const auto&... member) { (detail::encode_member(to, member), ...); });
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"  // a bit-field is initialised from its declared type
template <class T, class... Member>
T decode_members(Decoder& from, Types<Member...>) {
    if constexpr ((std::is_array_v<Member> || ...)) {
        T value{};
        detail::with_members<sizeof...(Member)>(
            value, [&from](auto, auto&... member) { (detail::decode_member(from, member), ...); });
        return value;
    } else {
        return T{haid::decode<Member>(from)...};
    }
}
#pragma GCC diagnostic pop

template <class T>
T decode_aggregate(Decoder& from) {
    const Level level(from, type_name<T>());
    return detail::decode_members<T>(from, Members<T>{});
}

}  // namespace haid::detail

namespace haid {

template <class T>
void encode(Encoder& to, const T& value) {
    if constexpr (!Crossable<T>) {
        static_cast<void>(detail::MustCross<T, detail::PartToBlame<T>>());
    } else if constexpr (flat<T> || detail::Truth<T>) {
        to.write(std::addressof(value), sizeof(T));
    } else if constexpr (requires { typename Codec<T>::Parts; }) {
        Codec<T>::encode(to, value);
    } else if constexpr (detail::HasCodec<T>) {
        const detail::Level level(to, detail::type_name<T>());
        Codec<T>::encode(to, value);
    } else {
        detail::encode_aggregate(to, value);
    }
}

template <class T>
detail::Decoded<T> decode(Decoder& from) {
    using Value = std::remove_const_t<T>;
    if constexpr (!Crossable<T>) {
        static_cast<void>(detail::MustCross<Value, detail::PartToBlame<Value>>());
        __builtin_unreachable();  // it does not compile
    } else if constexpr (flat<Value>) {
        return detail::decode_flat<Value>(from);
    } else if constexpr (detail::Truth<Value>) {
        return static_cast<Value>(detail::decode_flag<Value>(from));
    } else if constexpr (requires { typename Codec<Value>::Parts; }) {
        return Codec<Value>::decode(from);
    } else if constexpr (detail::HasCodec<Value>) {
        const detail::Level level(from, detail::type_name<Value>());
        return Codec<Value>::decode(from);
    } else {
        return detail::decode_aggregate<Value>(from);
    }
}

}  // namespace haid
