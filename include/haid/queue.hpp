// A queue of values between processes. A process shares one with the children it forks after making it.
//
//     haid::Queue<std::string> names;
//     ... fork ...
//     names.put("Aaron");             // in some processes
//     auto name = names.get();        // in others
//
// Any number of producers and consumers. Its memory is bounded: put waits for room. Values of one producer are taken in
// the order in which it put them. Values cross by haid/codec.hpp.
//
// Any of them may be killed at any instant: nobody is left asleep who could go on, and values are there whole or not at
// all. A value is lost only with a consumer that had taken it; one that was killed while taking it had not. The queue
// does not know who uses it: get waits for ever when all producers have died without close. Give waits a time limit
// where that can be. They hold to within 0.3 s where a process is stopped (SIGSTOP) in the middle of putting or taking;
// waits without a limit, and close, last until it goes on.
//
// Thread-safe, but for construction and destruction. Waits go on after signals; nothing polls. Put and get take
// constant time but for the copy of the value's bytes; no system call where nobody waits. One mapping; memory is
// touched as it is used.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "haid/codec.hpp"
#include "haid/detail/sync/deadline.hpp"
#include "haid/detail/sync/message_ring.hpp"
#include "haid/detail/sync/scratch.hpp"

namespace haid {

template <class T>
class Queue {
    static_assert(Crossable<T>, "haid: values of this type cannot cross to another process: specialise haid::Codec");

  public:
    // `max_items`: how many values it holds; 0 for as many as fit. `capacity_bytes`: its memory; a value takes its
    // encoded size, 8 bytes, and what is missing to a multiple of 8. Throws std::system_error.
    explicit Queue(std::size_t max_items = 0, std::size_t capacity_bytes = std::size_t{1} << 20)
        : ring_(max_items, capacity_bytes) {}

    // All ways to put throw Error for a value that is larger than the queue's memory, EndOfFile where the queue is
    // closed.
    void put(const T& value) { put_until(value, detail::Deadline::never()); }
    // false: there is no room.
    bool try_put(const T& value) { return put_until(value, detail::Deadline::immediate()); }
    // false: the time has passed and there is no room.
    template <class Rep, class Period>
    bool try_put_for(const T& value, const std::chrono::duration<Rep, Period>& time) {
        return put_until(value, detail::Deadline::after(time));
    }
    template <class Clock, class Duration>
    bool try_put_until(const T& value, const std::chrono::time_point<Clock, Duration>& time) {
        return put_until(value, detail::Deadline::at(time));
    }

    // All ways to get throw EndOfFile where the queue is closed and everything was taken, and what the codec throws;
    // the value is gone then.
    T get() { return *get_until(detail::Deadline::never()); }
    // nullopt: it is empty.
    std::optional<T> try_get() { return get_until(detail::Deadline::immediate()); }
    // nullopt: the time has passed and it is empty.
    template <class Rep, class Period>
    std::optional<T> try_get_for(const std::chrono::duration<Rep, Period>& time) {
        return get_until(detail::Deadline::after(time));
    }
    template <class Clock, class Duration>
    std::optional<T> try_get_until(const std::chrono::time_point<Clock, Duration>& time) {
        return get_until(detail::Deadline::at(time));
    }

    // Nothing can be put from now on, in no process. What is there can be taken; then get throws EndOfFile. Who waits
    // is woken. May be called again.
    void close() { ring_.close(); }
    bool closed() const noexcept { return ring_.closed(); }

    // As of an instant ago, where others put and take.
    std::size_t size() const noexcept { return ring_.size(); }
    bool empty() const noexcept { return size() == 0; }
    // Whether there is no room for another value, however small.
    bool full() const noexcept { return ring_.full(); }

  private:
    bool put_until(const T& value, const detail::Deadline& deadline) {
        const detail::Scratch<BufferEncoder>::Use encoder(encoder_);
        return ring_.put(detail::encode_all(*encoder, value), deadline);
    }
    std::optional<T> get_until(const detail::Deadline& deadline) {
        const detail::Scratch<detail::Buffer>::Use buffer(buffer_);
        if (!ring_.get(*buffer, deadline)) return std::nullopt;
        return detail::decode_all<T>(buffer->bytes());
    }

    detail::MessageRing ring_;
    detail::Scratch<BufferEncoder> encoder_;
    detail::Scratch<detail::Buffer> buffer_;
};

}  // namespace haid
