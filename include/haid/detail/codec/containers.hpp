// How the containers of the standard library cross: the number of elements (8 bytes), then the elements. The rest of
// codec.hpp, which includes it at its end.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace haid::detail {

// The number of elements that follow, of `element` bytes each at least: never more than what is left can hold.
template <class Container>
std::uint64_t decode_count(Decoder& from, std::size_t element) {
    std::uint64_t count;
    from.read(&count, sizeof count, type_name<Container>());
    const std::size_t most = element == 0 ? from.remaining() + from.spare() : from.remaining() / element;
    if (count > most)
        detail::refuse(type_name<Container>(), "its size is said to be ", count, ", more than what is left");
    return count;
}

// `decode` takes one element.
template <class Container, class Decode>
void decode_each(Decoder& from, std::uint64_t count, Decode decode) {
    for (; count != 0; --count) {
        const std::size_t before = from.remaining();
        decode();
        if (from.remaining() == before && !from.spend()) {
            detail::refuse(type_name<Container>(), "", count, " more elements without a byte follow");
        }
    }
}

// How many elements to reserve memory for at once, though `count` may be a lie: 8 bytes for each that is left.
template <class T>
std::size_t trusted(std::uint64_t count, const Decoder& from) {
    return std::min<std::uint64_t>(count, 1 + from.remaining() / (1 + sizeof(T) / 8));
}

template <class Container>
concept Contiguous = requires(const Container& value) { value.data(); };

// Container: contiguous, of flat elements. One memcpy if the bytes lie where such elements may; else they pass through
// some aligned memory that stays in the cache.
template <class Container, class T = typename Container::value_type>
Container decode_flat_elements(Decoder& from, std::uint64_t count) {
    struct alignas(T) Element {
        std::byte bytes[sizeof(T)];
    };
    const std::byte* at = from.take(count * sizeof(T), type_name<Container>()).data();
    if (std::bit_cast<std::uintptr_t>(at) % alignof(T) == 0) {
        const T* const elements = reinterpret_cast<const T*>(at);
        return Container(elements, elements + count);
    }
    const std::size_t most = std::min<std::uint64_t>(count, std::max<std::size_t>(1, 4096 / sizeof(T)));
    const auto aligned = std::make_unique_for_overwrite<Element[]>(most);
    Container value;
    value.reserve(count);
    for (std::size_t some; count != 0; count -= some, at += some * sizeof(T)) {
        some = std::min<std::uint64_t>(count, most);
        std::memcpy(aligned.get(), at, some * sizeof(T));
        const T* const elements = std::launder(reinterpret_cast<const T*>(aligned.get()));
        value.insert(value.end(), elements, elements + some);
    }
    return value;
}

template <class Container>
struct SequenceCodec {
    using T = typename Container::value_type;
    using Parts = Types<T>;

    static void encode(Encoder& to, const Container& value) {
        const auto count = static_cast<std::uint64_t>(std::distance(value.begin(), value.end()));
        to.write(&count, sizeof count);
        if constexpr (flat<T> && Contiguous<Container>) {
            to.write(value.data(), count * sizeof(T));
        } else {
            for (const T& element : value) haid::encode(to, element);
        }
    }

    static Container decode(Decoder& from) {
        const auto count = detail::decode_count<Container>(from, flat<T> ? sizeof(T) : 0);
        if constexpr (flat<T> && Contiguous<Container>) {
            return detail::decode_flat_elements<Container>(from, count);
        } else {
            Container value;
            if constexpr (requires { value.reserve(count); }) value.reserve(detail::trusted<T>(count, from));
            if constexpr (requires { value.before_begin(); }) {
                detail::decode_each<Container>(from, count, [&, last = value.before_begin()]() mutable {
                    last = value.insert_after(last, haid::decode<T>(from));
                });
            } else {
                detail::decode_each<Container>(from, count, [&] { value.push_back(haid::decode<T>(from)); });
            }
            return value;
        }
    }
};

// A comparison or hash with a state of its own cannot be had on the other side.
template <class Function>
concept Stateless = std::is_empty_v<Function> && std::is_default_constructible_v<Function>;

template <class Container>
struct SetCodec {
    using Key = typename Container::key_type;
    using Parts = Types<Key>;

    static void encode(Encoder& to, const Container& value) {
        const std::uint64_t count = value.size();
        to.write(&count, sizeof count);
        for (const Key& key : value) haid::encode(to, key);
    }

    static Container decode(Decoder& from) {
        const auto count = detail::decode_count<Container>(from, 0);
        Container value;
        if constexpr (requires { value.reserve(count); }) value.reserve(detail::trusted<Key>(count, from));
        detail::decode_each<Container>(from, count, [&] { value.emplace_hint(value.end(), haid::decode<Key>(from)); });
        return value;
    }
};

template <class Container>
struct MapCodec {
    using Key = typename Container::key_type;
    using Mapped = typename Container::mapped_type;
    using Parts = Types<Key, Mapped>;

    static void encode(Encoder& to, const Container& value) {
        const std::uint64_t count = value.size();
        to.write(&count, sizeof count);
        for (const auto& [key, mapped] : value) {
            haid::encode(to, key);
            haid::encode(to, mapped);
        }
    }

    static Container decode(Decoder& from) {
        const auto count = detail::decode_count<Container>(from, 0);
        Container value;
        if constexpr (requires { value.reserve(count); }) value.reserve(detail::trusted<Key>(count, from));
        detail::decode_each<Container>(from, count, [&] {
            auto key = haid::decode<Key>(from);
            value.emplace_hint(value.end(), std::move(key), haid::decode<Mapped>(from));
        });
        return value;
    }
};

}  // namespace haid::detail

namespace haid {

template <class Char, class Traits, class A>
struct Codec<std::basic_string<Char, Traits, A>> : detail::SequenceCodec<std::basic_string<Char, Traits, A>> {};
template <class T, class A>
struct Codec<std::vector<T, A>> : detail::SequenceCodec<std::vector<T, A>> {};
template <class T, class A>
struct Codec<std::deque<T, A>> : detail::SequenceCodec<std::deque<T, A>> {};
template <class T, class A>
struct Codec<std::list<T, A>> : detail::SequenceCodec<std::list<T, A>> {};
template <class T, class A>
struct Codec<std::forward_list<T, A>> : detail::SequenceCodec<std::forward_list<T, A>> {};

template <class K, detail::Stateless C, class A>
struct Codec<std::set<K, C, A>> : detail::SetCodec<std::set<K, C, A>> {};
template <class K, detail::Stateless C, class A>
struct Codec<std::multiset<K, C, A>> : detail::SetCodec<std::multiset<K, C, A>> {};
template <class K, detail::Stateless H, detail::Stateless E, class A>
struct Codec<std::unordered_set<K, H, E, A>> : detail::SetCodec<std::unordered_set<K, H, E, A>> {};
template <class K, detail::Stateless H, detail::Stateless E, class A>
struct Codec<std::unordered_multiset<K, H, E, A>> : detail::SetCodec<std::unordered_multiset<K, H, E, A>> {};

template <class K, class V, detail::Stateless C, class A>
struct Codec<std::map<K, V, C, A>> : detail::MapCodec<std::map<K, V, C, A>> {};
template <class K, class V, detail::Stateless C, class A>
struct Codec<std::multimap<K, V, C, A>> : detail::MapCodec<std::multimap<K, V, C, A>> {};
template <class K, class V, detail::Stateless H, detail::Stateless E, class A>
struct Codec<std::unordered_map<K, V, H, E, A>> : detail::MapCodec<std::unordered_map<K, V, H, E, A>> {};
template <class K, class V, detail::Stateless H, detail::Stateless E, class A>
struct Codec<std::unordered_multimap<K, V, H, E, A>> : detail::MapCodec<std::unordered_multimap<K, V, H, E, A>> {};

// Eight elements a byte.
template <class A>
struct Codec<std::vector<bool, A>> {
    using Parts = detail::Types<bool>;
    using Value = std::vector<bool, A>;

    static void encode(Encoder& to, const Value& value) {
        const std::uint64_t count = value.size();
        to.write(&count, sizeof count);
        for (std::uint64_t i = 0; i < count; i += 8) {
            unsigned byte = 0;
            for (std::uint64_t bit = 0; bit != 8 && i + bit != count; ++bit) {
                byte |= static_cast<unsigned>(value[i + bit]) << bit;
            }
            haid::encode(to, static_cast<std::byte>(byte));
        }
    }

    static Value decode(Decoder& from) {
        std::uint64_t count;
        from.read(&count, sizeof count, detail::type_name<Value>());
        const auto bytes = from.take(count / 8 + (count % 8 != 0 ? 1 : 0), detail::type_name<Value>());
        Value value(count);
        for (std::uint64_t i = 0; i != count; ++i) {
            value[i] = (static_cast<unsigned>(bytes[i / 8]) >> (i % 8) & 1) != 0;
        }
        return value;
    }
};

template <class T, std::size_t size>
struct Codec<std::array<T, size>> {
    using Parts = detail::Types<T>;
    static constexpr bool flat = haid::flat<T>;

    static void encode(Encoder& to, const std::array<T, size>& value) {
        for (const T& element : value) haid::encode(to, element);
    }

    static std::array<T, size> decode(Decoder& from) {
        if constexpr (std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
            std::array<T, size> value{};
            for (T& element : value) element = haid::decode<T>(from);
            return value;
        } else {
            return [&from]<std::size_t... i>(std::index_sequence<i...>) {
                return std::array<T, size>{{(static_cast<void>(i), haid::decode<T>(from))...}};
            }(std::make_index_sequence<size>{});
        }
    }
};

}  // namespace haid
