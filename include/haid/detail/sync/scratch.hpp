// Memory for encoded values on their way, kept from one call to the next.
//
// Fresh pages cost more than the copying: values of 1 MiB went through a Queue at 0.3 GB/s with memory from malloc,
// which gives it back to the system each time, and at 3 GB/s with memory that is kept.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>

#include "haid/codec.hpp"

namespace haid::detail {

// Bytes to be written to, not initialised. Not thread-safe.
class Buffer {
  public:
    // Room for `size` bytes; what was there is gone. Throws std::bad_alloc.
    std::byte* renew(std::size_t size) {
        size_ = 0;
        if (size > room_) {
            room_ = 0;
            memory_.reset();
            memory_ = std::make_unique_for_overwrite<std::byte[]>(size);
            room_ = size;
        }
        size_ = size;
        return memory_.get();
    }
    std::span<const std::byte> bytes() const noexcept { return {memory_.get(), size_}; }

  private:
    std::unique_ptr<std::byte[]> memory_;
    std::size_t room_ = 0;
    std::size_t size_ = 0;
};

// One object that calls use by turns; a call that finds it in use makes another. Thread-safe; a forked child has a
// copy.
template <class T>
class Scratch {
  public:
    Scratch() = default;
    ~Scratch() { delete kept_.load(); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    class Use {
      public:
        explicit Use(Scratch& scratch) : scratch_(scratch), object_(scratch.kept_.exchange(nullptr)) {
            if (!object_) object_ = std::make_unique<T>();
        }
        ~Use() {
            if (object_->bytes().size() <= most_kept) delete scratch_.kept_.exchange(object_.release());
        }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        T& operator*() const noexcept { return *object_; }
        T* operator->() const noexcept { return object_.get(); }

      private:
        Scratch& scratch_;
        std::unique_ptr<T> object_;
    };

  private:
    static constexpr std::size_t most_kept = std::size_t{16} << 20;  // bytes

    std::atomic<T*> kept_ = nullptr;
};

// The bytes of `value`, as long as the encoder is not used again.
template <class T>
std::span<const std::byte> encode_all(BufferEncoder& to, const T& value) {
    to.clear();
    haid::encode(to, value);
    return to.bytes();
}

// All of the bytes as a T. Throws DecodeError.
template <class T>
T decode_all(std::span<const std::byte> bytes) {
    Decoder from(bytes);
    T value = haid::decode<T>(from);
    from.expect_end();
    return value;
}

}  // namespace haid::detail
