// A pipe between two processes, through which values pass as messages.
//
//     auto [mine, theirs] = haid::Pipe();
//     if (fork() == 0) { mine.close(); theirs.send(std::string("hello")); _exit(0); }
//     theirs.close();
//     auto text = mine.recv<std::string>();
//
// After a fork both processes have both ends: each should close the one that it does not use, for only when all copies
// of an end are closed does the other side know that nothing more will come. A process that ends closes its own,
// however it ends.
//
// Both sides must name the same type. Values cross by haid/codec.hpp; their size is limited by memory only. There is no
// SIGPIPE. Calls go on after signals.
//
// Thread-safety: one sender and one receiver at a time for each end, counting all processes that have it. Guard it with
// a Lock where there are more, or take a Queue.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include "haid/codec.hpp"
#include "haid/detail/sync/deadline.hpp"
#include "haid/detail/sync/scratch.hpp"

namespace haid {

// One end of a pipe. It can be moved, not copied. Using one that was closed, or in the wrong direction, is an Error.
class Connection {
  public:
    Connection(Connection&& other) noexcept;
    Connection& operator=(Connection&& other) noexcept;
    ~Connection() { close(); }

    // Waits while the other side is slow and what the system keeps for it is full (some 200 KiB). Throws EndOfFile
    // where the other end is closed, std::system_error. After an error within a message the pipe can only be closed.
    template <class T>
    void send(const T& value) {
        const detail::Scratch<BufferEncoder>::Use encoder(encoder_);
        send_bytes(detail::encode_all(*encoder, value));
    }
    // Waits for a value. Throws EndOfFile where the other end is closed and everything was received; Error where the
    // other side ended in the middle of a message; DecodeError for a message that is no T, which is gone then;
    // std::system_error.
    template <class T>
    T recv() {
        const detail::Scratch<detail::Buffer>::Use buffer(buffer_);
        receive_bytes(*buffer);
        return detail::decode_all<T>(buffer->bytes());
    }

    // Whether recv has something to say: a message has begun to arrive, or the other end is closed.
    bool poll() const { return poll_until(detail::Deadline::immediate()); }
    // Waits at most so long for it.
    template <class Rep, class Period>
    bool poll(const std::chrono::duration<Rep, Period>& time) const {
        return poll_until(detail::Deadline::after(time));
    }

    // This process's copy of this end. May be called again.
    void close() noexcept;
    bool closed() const noexcept { return fd_ < 0; }
    // The descriptor, a socket, to wait for with others; -1 where it is closed. It is close-on-exec.
    int fileno() const noexcept { return fd_; }

    bool readable() const noexcept { return readable_; }
    bool writable() const noexcept { return writable_; }

  private:
    friend std::pair<Connection, Connection> Pipe(bool duplex);
    Connection(int fd, bool readable, bool writable) noexcept : fd_(fd), readable_(readable), writable_(writable) {}

    void send_bytes(std::span<const std::byte> message);
    void receive_bytes(detail::Buffer& message);
    // Fewer where the other end is closed.
    std::size_t receive(std::byte* to, std::size_t size);
    bool poll_until(const detail::Deadline& deadline) const;
    void expect(bool direction, const char* what) const;

    int fd_;
    bool readable_;
    bool writable_;
    detail::Scratch<BufferEncoder> encoder_;
    detail::Scratch<detail::Buffer> buffer_;
};

// The two ends; both send and receive. With `duplex` false the first only receives and the second only sends. Throws
// std::system_error (EMFILE, ENFILE).
std::pair<Connection, Connection> Pipe(bool duplex = true);

}  // namespace haid
