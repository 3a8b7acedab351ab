// How C++ values cross between processes: as bytes of which the other side makes the same value.
//
//     haid::BufferEncoder buffer;
//     haid::encode(buffer, value);
//     haid::Decoder from(buffer.bytes());
//     auto same = haid::decode<Value>(from);
//
// Out of the box: everything trivially copyable, structs without a line by their author (up to 32 members, no bases),
// and of the standard library strings, containers, pair, tuple, optional, variant, unique_ptr, chrono, path, complex,
// bitset, each of what can cross itself. Pointers, references and views mean nothing elsewhere, and shared_ptr would
// lose that it shares: such a type is refused at compile time. The members of a class with constructors or private
// members cannot be seen: if it is trivially copyable, it is trusted to be its bytes; Codec says otherwise.
//
// Both sides must be built alike: numbers are written as they lie in memory. But bytes may come from anywhere: decoding
// throws DecodeError for bytes that are no value, and allocates no more than a multiple of their number. What fits the
// type is a value: of an enumeration any number, of a class trusted to be its bytes any bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "haid/detail/codec/crossing.hpp"
#include "haid/detail/codec/type_name.hpp"
#include "haid/error.hpp"

namespace haid {

// How deeply values of recursive types may be nested: both directions recurse, and the stack is finite.
inline constexpr std::size_t max_nesting = 1000;

// Where encoded bytes go. Not thread-safe.
class Encoder {
  public:
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    void write(const void* data, std::size_t size) {
        if (size <= static_cast<std::size_t>(end_ - at_)) {
            if (size != 0) std::memcpy(at_, data, size);
            at_ += size;
        } else {
            overflow(data, size);
        }
    }

    // How many recursive types the encoding is inside of now. For detail::Level.
    std::size_t& levels() noexcept { return levels_; }

  protected:
    Encoder() = default;
    ~Encoder() = default;

    // Takes all of `data`, for which there is no room between at_ and end_; may set both anew.
    virtual void overflow(const void* data, std::size_t size) = 0;

    std::byte* at_ = nullptr;
    std::byte* end_ = nullptr;

  private:
    std::size_t levels_ = 0;
};

// Into memory of its own, which grows. Throws std::bad_alloc.
class BufferEncoder final : public Encoder {
  public:
    // Forgets the bytes, keeps the memory.
    void clear() noexcept { at_ = memory_.get(); }
    // Valid until the next write.
    std::span<const std::byte> bytes() const noexcept { return {memory_.get(), at_}; }

  private:
    [[gnu::cold, gnu::noinline]] void overflow(const void* data, std::size_t size) override {
        const auto used = static_cast<std::size_t>(at_ - memory_.get());
        const auto room = std::max({used + size, 2 * used, std::size_t{256}});
        auto larger = std::make_unique_for_overwrite<std::byte[]>(room);
        if (used != 0) std::memcpy(larger.get(), memory_.get(), used);
        std::memcpy(larger.get() + used, data, size);
        memory_ = std::move(larger);
        at_ = memory_.get() + used + size;
        end_ = memory_.get() + room;
    }

    std::unique_ptr<std::byte[]> memory_;
};

// Where decoded bytes come from: memory of somebody else, which must stay. Not thread-safe.
class Decoder {
  public:
    explicit Decoder(std::span<const std::byte> bytes) noexcept : at_(bytes.data()), end_(at_ + bytes.size()) {}

    // Both throw DecodeError where fewer bytes are left than asked for. `what` is being decoded: for the message.
    void read(void* to, std::size_t size, std::string_view what = "a value") {
        const auto bytes = take(size, what);
        if (size != 0) std::memcpy(to, bytes.data(), size);
    }
    // Valid as long as the memory is.
    std::span<const std::byte> take(std::size_t size, std::string_view what = "a value") {
        if (size > remaining()) fail_short(size, what);
        const std::byte* const taken = at_;
        if (size != 0) at_ += size;
        return {taken, size};
    }

    std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }

    // Throws DecodeError if bytes are left.
    void expect_end() const {
        if (at_ != end_) throw DecodeError("haid: " + std::to_string(remaining()) + " bytes follow the value");
    }

    // How many elements of containers may still turn out to take no byte: what is left does not bound their number.
    std::size_t spare() const noexcept { return spare_; }
    // Whether there was one more.
    bool spend() noexcept { return spare_ != 0 && spare_-- != 0; }

    // As Encoder's.
    std::size_t& levels() noexcept { return levels_; }

  private:
    [[noreturn, gnu::cold, gnu::noinline]] void fail_short(std::size_t size, std::string_view what) const {
        throw DecodeError("haid: cannot decode " + std::string(what) + ": it takes " + std::to_string(size) +
                          " more bytes, but " + std::to_string(remaining()) + " are left");
    }

    const std::byte* at_;
    const std::byte* end_;
    std::size_t spare_ = 100'000;
    std::size_t levels_ = 0;
};

// The customisation point. Specialise it for a type that haid does not know, right behind the type:
//     template <> struct haid::Codec<Mine> {
//         static void encode(haid::Encoder& to, const Mine& value);   // by haid::encode of its parts
//         static Mine decode(haid::Decoder& from);                    // by haid::decode of them, in the same order
//     };
// Of a template, only for what can cross itself: template <haid::Crossable T> struct haid::Codec<Mine<T>>.
template <class T>
struct Codec;

// Whether the bytes of a T are its value: any sizeof(T) bytes are one, and crossing is one memcpy. Not so bool, and
// what holds one: of its 256 bytes only two are values.
template <class T>
inline constexpr bool flat = detail::is_flat<std::remove_const_t<T>>();

// Whether a T can cross, with all that it consists of.
template <class T>
concept Crossable = detail::can_cross<std::remove_const_t<T>>();

// Appends the bytes of `value`. Throws haid::Error if it is nested too deeply, or a variant that lost its value; what
// the encoder throws. The encoder holds a part of the value then.
template <class T>
void encode(Encoder& to, const T& value);

// Takes the bytes of one T. Throws DecodeError if they are none; std::bad_alloc. Bytes may have been taken then.
template <class T>
detail::Decoded<T> decode(Decoder& from);

}  // namespace haid

#include "haid/detail/codec/coding.hpp"
#include "haid/detail/codec/containers.hpp"
#include "haid/detail/codec/vocabulary.hpp"
