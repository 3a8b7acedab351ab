// How the small types of the standard library cross. The rest of codec.hpp, which includes it at its end.
#pragma once

#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace haid::detail {

// Their assignment is not trivial, which is all that keeps them from being trivially copyable.
template <class Product, class... T>
inline constexpr bool flat_product =
    std::is_trivially_copy_constructible_v<Product> && std::is_trivially_destructible_v<Product> && (flat<T> && ...);

template <class T>
concept Polymorphic = Complete<T> && std::is_polymorphic_v<T> && !std::is_final_v<T>;

}  // namespace haid::detail

namespace haid {

template <class A, class B>
struct Codec<std::pair<A, B>> {
    using Parts = detail::Types<A, B>;
    static constexpr bool flat = detail::flat_product<std::pair<A, B>, A, B>;

    static void encode(Encoder& to, const std::pair<A, B>& value) {
        haid::encode(to, value.first);
        haid::encode(to, value.second);
    }
    static std::pair<A, B> decode(Decoder& from) {
        return std::pair<A, B>{haid::decode<A>(from), haid::decode<B>(from)};
    }
};

template <class... T>
struct Codec<std::tuple<T...>> {
    using Parts = detail::Types<T...>;
    static constexpr bool flat = detail::flat_product<std::tuple<T...>, T...>;

    static void encode(Encoder& to, const std::tuple<T...>& value) {
        std::apply([&to](const T&... part) { (haid::encode(to, part), ...); }, value);
    }
    static std::tuple<T...> decode(Decoder& from) { return std::tuple<T...>{haid::decode<T>(from)...}; }
};

template <class T>
struct Codec<std::optional<T>> {
    using Parts = detail::Types<T>;

    static void encode(Encoder& to, const std::optional<T>& value) {
        haid::encode(to, value.has_value());
        if (value) haid::encode(to, *value);
    }
    static std::optional<T> decode(Decoder& from) {
        if (!detail::decode_flag<std::optional<T>>(from)) return std::nullopt;
        return std::optional<T>(std::in_place, haid::decode<T>(from));
    }
};

template <class... T>
struct Codec<std::variant<T...>> {
    using Parts = detail::Types<T...>;
    using Value = std::variant<T...>;
    using Index = std::conditional_t<(sizeof...(T) < 256), std::uint8_t, std::uint32_t>;

    static void encode(Encoder& to, const Value& value) {
        if (value.valueless_by_exception()) throw Error("haid: a variant that has lost its value cannot be encoded");
        haid::encode(to, static_cast<Index>(value.index()));
        std::visit([&to](const auto& held) { haid::encode(to, held); }, value);
    }
    static Value decode(Decoder& from) {
        Index index;
        from.read(&index, sizeof index, detail::type_name<Value>());
        if (index >= sizeof...(T)) {
            detail::refuse(detail::type_name<Value>(), "its index is ", index, ", more than it has alternatives");
        }
        return [&]<std::size_t... i>(std::index_sequence<i...>) {
            constexpr Value (*decoders[])(Decoder&) = {decode_alternative<i, T>...};
            return decoders[index](from);
        }(std::index_sequence_for<T...>{});
    }

  private:
    template <std::size_t index, class Alternative>
    static Value decode_alternative(Decoder& from) {
        return Value(std::in_place_index<index>, haid::decode<Alternative>(from));
    }
};

// Refused for a base class: it might point to an object of a derived one, of which only the base would arrive.
template <class T>
    requires(!std::is_array_v<T> && !detail::Polymorphic<T>)
struct Codec<std::unique_ptr<T>> {
    using Parts = detail::Types<T>;

    static void encode(Encoder& to, const std::unique_ptr<T>& value) {
        haid::encode(to, value != nullptr);
        if (value) haid::encode(to, *value);
    }
    static std::unique_ptr<T> decode(Decoder& from) {
        if (!detail::decode_flag<std::unique_ptr<T>>(from)) return nullptr;
        return std::unique_ptr<T>(new T(haid::decode<T>(from)));
    }
};

template <class Number, class Period>
struct Codec<std::chrono::duration<Number, Period>> {
    using Parts = detail::Types<Number>;
    using Value = std::chrono::duration<Number, Period>;
    static constexpr bool flat = haid::flat<Number>;

    static void encode(Encoder& to, const Value& value) { haid::encode(to, value.count()); }
    static Value decode(Decoder& from) { return Value(haid::decode<Number>(from)); }
};

template <class Clock, class Duration>
struct Codec<std::chrono::time_point<Clock, Duration>> {
    using Parts = detail::Types<Duration>;
    using Value = std::chrono::time_point<Clock, Duration>;
    static constexpr bool flat = haid::flat<Duration>;

    static void encode(Encoder& to, const Value& value) { haid::encode(to, value.time_since_epoch()); }
    static Value decode(Decoder& from) { return Value(haid::decode<Duration>(from)); }
};

template <>
struct Codec<std::filesystem::path> {
    using Parts = detail::Types<>;

    static void encode(Encoder& to, const std::filesystem::path& value) { haid::encode(to, value.native()); }
    static std::filesystem::path decode(Decoder& from) {
        return haid::decode<std::filesystem::path::string_type>(from);
    }
};

// As it lies in memory; but of its last word not all bits belong to it, and those must be 0.
template <std::size_t size>
struct Codec<std::bitset<size>> {
    using Parts = detail::Types<>;
    using Value = std::bitset<size>;

    static void encode(Encoder& to, const Value& value) { to.write(&value, sizeof value); }
    static Value decode(Decoder& from) {
        const auto value = detail::decode_flat<Value>(from);
        if (value != (value & ~Value())) {
            throw DecodeError("haid: cannot decode " + std::string(detail::type_name<Value>()) +
                              ": bits behind its last one are set");
        }
        return value;
    }
};

}  // namespace haid
