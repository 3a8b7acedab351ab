#include "haid/pipe.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <string>

#include "haid/error.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"

namespace haid {
namespace {

using Length = std::uint64_t;  // before each message: how many bytes it has

// Descriptors may have been made non-blocking by whoever shares them.
void wait_until_ready(int fd, short events) {
    pollfd ready{fd, events, 0};
    system::check(system::uninterrupted([&] { return ::poll(&ready, 1, -1); }), "haid: cannot wait for a pipe");
}

timespec time_left(const detail::Deadline& deadline) {
    if (deadline.is_immediate()) return {};
    timespec now{};
    ::clock_gettime(deadline.clock(), &now);
    timespec left{deadline.time().tv_sec - now.tv_sec, deadline.time().tv_nsec - now.tv_nsec};
    if (left.tv_nsec < 0) left = {left.tv_sec - 1, left.tv_nsec + 1'000'000'000};
    return left.tv_sec < 0 ? timespec{} : left;
}

}  // namespace

std::pair<Connection, Connection> Pipe(bool duplex) {
    int ends[2];
    system::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "haid: cannot make a pipe");
    system::Pipe both = system::own_both(ends);
    return {Connection(both.read.release(), true, duplex), Connection(both.write.release(), duplex, true)};
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), readable_(other.readable_), writable_(other.writable_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = std::exchange(other.fd_, -1);
        readable_ = other.readable_;
        writable_ = other.writable_;
    }
    return *this;
}

void Connection::close() noexcept {
    // Linux frees the descriptor even where close reports EINTR: never call it again.
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Connection::expect(bool direction, const char* what) const {
    if (closed()) throw Error(std::string("haid: cannot ") + what + ": this end of the pipe was closed");
    if (!direction) throw Error(std::string("haid: this end of a one-way pipe cannot ") + what);
}

void Connection::send_bytes(std::span<const std::byte> message) {
    expect(writable_, "send");
    Length length = message.size();
    iovec parts[] = {{&length, sizeof length}, {const_cast<std::byte*>(message.data()), message.size()}};
    msghdr rest{};
    rest.msg_iov = parts;
    rest.msg_iovlen = 2;
    while (rest.msg_iovlen > 0) {
        const ssize_t sent = ::sendmsg(fd_, &rest, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EPIPE || errno == ECONNRESET) throw EndOfFile("haid: cannot send: the other end is closed");
            if (errno != EAGAIN) system::throw_errno("haid: cannot send");
            wait_until_ready(fd_, POLLOUT);
            continue;
        }
        for (auto left = static_cast<std::size_t>(sent); rest.msg_iovlen > 0;) {
            iovec& part = *rest.msg_iov;
            const std::size_t step = std::min(left, part.iov_len);
            part.iov_base = static_cast<std::byte*>(part.iov_base) + step;
            part.iov_len -= step;
            left -= step;
            if (part.iov_len != 0) break;
            ++rest.msg_iov;
            --rest.msg_iovlen;
        }
    }
}

std::size_t Connection::receive(std::byte* to, std::size_t size) {
    std::size_t have = 0;
    while (have < size) {
        const ssize_t got = ::recv(fd_, to + have, size - have, 0);
        if (got > 0) {
            have += static_cast<std::size_t>(got);
        } else if (got == 0 || errno == ECONNRESET) {
            break;
        } else if (errno == EAGAIN) {
            wait_until_ready(fd_, POLLIN);
        } else if (errno != EINTR) {
            system::throw_errno("haid: cannot receive");
        }
    }
    return have;
}

void Connection::receive_bytes(detail::Buffer& message) {
    expect(readable_, "receive");
    Length length = 0;
    const std::size_t head = receive(reinterpret_cast<std::byte*>(&length), sizeof length);
    if (head == 0) throw EndOfFile("haid: the other end of the pipe is closed, and everything sent was received");
    if (head < sizeof length) {
        throw Error("haid: the other side of the pipe ended in the middle of a message, before its length");
    }
    if (length > static_cast<Length>(std::numeric_limits<std::ptrdiff_t>::max())) {
        throw Error("haid: what comes through the pipe is no message: did several processes send at the same time?");
    }
    if (const std::size_t got = receive(message.renew(length), length); got < length) {
        throw Error("haid: the other side of the pipe ended in the middle of a message: " + std::to_string(got) +
                    " of " + std::to_string(length) + " bytes have come");
    }
}

bool Connection::poll_until(const detail::Deadline& deadline) const {
    expect(readable_, "receive");
    for (;;) {
        pollfd ready{fd_, POLLIN, 0};
        const timespec left = deadline.is_never() ? timespec{} : time_left(deadline);
        const int found = ::ppoll(&ready, 1, deadline.is_never() ? nullptr : &left, nullptr);
        if (found >= 0) return found > 0;
        if (errno != EINTR) system::throw_errno("haid: cannot wait for a pipe");
    }
}

}  // namespace haid
