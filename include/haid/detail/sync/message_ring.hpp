// The queue beneath Queue: messages of bytes in shared memory, for any number of producers and consumers, any of which
// may be killed at any instant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "haid/detail/sync/deadline.hpp"
#include "haid/detail/sync/scratch.hpp"
#include "haid/detail/sync/shared_memory.hpp"

namespace haid::detail {

// Invariants: a message is in the ring, whole, from the one instant in which it is counted as put to the one in which
// it is counted as taken. A message that somebody was killed putting is not there; one that somebody was killed taking
// is still there. Whoever sleeps is woken in the same instant in which there is a reason.
//
// Thread-safe, but for construction and destruction. Constant time but for copying the message; put and get do not
// wait for each other.
class MessageRing {
  public:
    // `max_items`: 0 for as many as fit. `capacity`: bytes, rounded up to whole pages. Throws std::system_error,
    // std::invalid_argument.
    MessageRing(std::size_t max_items, std::size_t capacity);
    ~MessageRing();
    MessageRing(const MessageRing&) = delete;
    MessageRing& operator=(const MessageRing&) = delete;

    // A deadline may be exceeded by 0.3 s where a process is stopped (SIGSTOP) while it puts or takes; close waits for
    // it. false: no room by then. Throws Error for a message that never fits, EndOfFile where the ring is closed.
    bool put(std::span<const std::byte> message, const Deadline& deadline);
    // The oldest, into `message`. false: none by then. Throws EndOfFile where the ring is closed and empty.
    bool get(Buffer& message, const Deadline& deadline);

    void close();
    bool closed() const noexcept;
    // As of an instant ago, where others put and take.
    std::size_t size() const noexcept;
    bool full() const noexcept;

  private:
    struct State;

    bool put_now(std::span<const std::byte> message, const Deadline& deadline);
    bool get_now(Buffer& message, const Deadline& deadline);
    void copy_in(std::uint64_t position, const void* data, std::size_t size);
    void copy_out(std::uint64_t position, void* data, std::size_t size) const;

    std::size_t max_items_;
    std::size_t capacity_;
    SharedMemory memory_;
    State* state_;
    std::byte* ring_;
};

}  // namespace haid::detail
