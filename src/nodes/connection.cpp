#include "nodes/connection.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "system/error.hpp"
#include "system/network.hpp"

namespace haid::nodes {
namespace {

constexpr std::size_t header_size = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr std::size_t added_by_sealing = crypto_secretstream_xchacha20poly1305_ABYTES;

// Messages of one turn are sealed in pieces of some such size, so that the peer begins early.
constexpr std::size_t large_frame = 256 * 1024;
// The largest message is the user's environment or a command line; Linux limits both together to 6 MiB (_STK_LIM / 4 *
// 3).
constexpr std::size_t largest_frame = 8 * 1024 * 1024;
constexpr std::size_t largest_of_a_stranger = 4 * 1024;
constexpr std::size_t one_read = 256 * 1024;
constexpr std::size_t least_room = 64 * 1024;

constexpr const char* wrong_secret = "it does not know the secret of this run";

void initialise() {
    static const int initialised = ::sodium_init();
    if (initialised < 0) throw std::runtime_error("libsodium cannot be used: the system has no random numbers");
}

void put_length(std::vector<unsigned char>& to, std::size_t length) {
    for (int shift = 0; shift < 32; shift += 8) to.push_back(static_cast<unsigned char>(length >> shift));
}

std::size_t get_length(const unsigned char* from) {
    std::size_t length = 0;
    for (int i = 3; i >= 0; --i) length = length << 8 | from[i];
    return length;
}

}  // namespace

Connection::Connection(system::EventLoop& loop, system::Descriptor socket, const Secret& secret, Side side,
                       Listener& listener)
    : loop_(loop), socket_(std::move(socket)), secret_(secret), side_(side), listener_(listener) {
    initialise();
    randombytes_buf(nonce_, nonce_size);
    out_.assign(nonce_, nonce_ + nonce_size);
    loop_.add(socket_.get(), EPOLLIN | EPOLLOUT, *this);
    wants_writing_ = true;
}

Connection::~Connection() {
    if (socket_) loop_.remove(socket_.get(), *this);
    sodium_memzero(&sends_, sizeof sends_);
    sodium_memzero(&receives_, sizeof receives_);
}

void Connection::make_key(unsigned char* key, Side from) const {
    const bool ours_first = side_ == Side::coordinator;
    const unsigned char direction = from == Side::coordinator ? 'c' : 'a';
    crypto_generichash_state state;
    crypto_generichash_init(&state, secret_.data(), Secret::size, crypto_secretstream_xchacha20poly1305_KEYBYTES);
    crypto_generichash_update(&state, ours_first ? nonce_ : their_nonce_, nonce_size);
    crypto_generichash_update(&state, ours_first ? their_nonce_ : nonce_, nonce_size);
    crypto_generichash_update(&state, &direction, 1);
    crypto_generichash_final(&state, key, crypto_secretstream_xchacha20poly1305_KEYBYTES);
}

void Connection::on_ready(std::uint32_t events) {
    try {
        if ((events & EPOLLOUT) != 0) {
            flush();
            if (!socket_) return;
        }
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || !receive()) return;
        while (!can_send_ ? take_nonce() : !can_receive_ ? take_header() : take_frame()) {
        }
    } catch (const DecodeError& error) {
        close(fmt::format("what it said is not understood: {}", error.what()));
    }
}

// -- sending

void Connection::sealed_or_wanted() {
    if (can_send_ && plain_.bytes().size() >= large_frame) seal();
    want_writing(true);
}

void Connection::seal() {
    const auto plain = plain_.bytes();
    if (plain.empty()) return;
    put_length(out_, plain.size() + added_by_sealing);
    const std::size_t begin = out_.size();
    out_.resize(begin + plain.size() + added_by_sealing);
    crypto_secretstream_xchacha20poly1305_push(&sends_, out_.data() + begin, nullptr,
                                               reinterpret_cast<const unsigned char*>(plain.data()), plain.size(),
                                               nullptr, 0, 0);
    plain_.clear();
}

void Connection::want_writing(bool wanted) {
    if (wanted == wants_writing_) return;
    loop_.change(socket_.get(), wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
    wants_writing_ = wanted;
}

void Connection::flush() {
    if (!socket_) return;
    if (can_send_) seal();
    while (out_sent_ < out_.size()) {
        const ssize_t size = system::uninterrupted(
            [&] { return ::send(socket_.get(), out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL); });
        if (size < 0) {
            if (errno == EAGAIN || errno == ENOTCONN) return want_writing(true);
            // What the peer said last may still be there to be read; its end is seen there.
            if (errno == EPIPE || errno == ECONNRESET) return want_writing(false);
            return close(system::reason(errno));
        }
        out_sent_ += static_cast<std::size_t>(size);
    }
    out_.clear();
    out_sent_ = 0;
    want_writing(false);
}

// -- receiving

// False where the connection was closed.
bool Connection::receive() {
    if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
    if (in_.size() - in_end_ < least_room) {
        if (in_begin_ < in_end_) std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
        in_end_ -= std::exchange(in_begin_, 0);
        if (in_.size() - in_end_ < least_room) in_.resize(std::max(2 * in_.size(), one_read));
    }
    const ssize_t size =
        system::uninterrupted([&] { return ::recv(socket_.get(), in_.data() + in_end_, in_.size() - in_end_, 0); });
    if (size > 0) in_end_ += static_cast<std::size_t>(size);
    if (size > 0 || (size < 0 && (errno == EAGAIN || errno == ENOTCONN))) return true;
    return refuse(size == 0 ? "the connection was closed" : system::reason(errno));
}

bool Connection::refuse(const std::string& reason) {
    close(reason);
    return false;
}

// From the peer's nonce on there are keys.
bool Connection::take_nonce() {
    if (received().size() < nonce_size) return false;
    std::memcpy(their_nonce_, received().data(), nonce_size);
    in_begin_ += nonce_size;
    unsigned char key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
    unsigned char header[header_size];
    make_key(key, side_);
    crypto_secretstream_xchacha20poly1305_init_push(&sends_, header, key);
    sodium_memzero(key, sizeof key);
    out_.insert(out_.end(), header, header + header_size);
    can_send_ = true;
    want_writing(true);
    return true;
}

bool Connection::take_header() {
    if (received().size() < header_size) return false;
    unsigned char key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
    make_key(key, side_ == Side::agent ? Side::coordinator : Side::agent);
    const int fits = crypto_secretstream_xchacha20poly1305_init_pull(&receives_, received().data(), key);
    sodium_memzero(key, sizeof key);
    if (fits != 0) return refuse(wrong_secret);
    in_begin_ += header_size;
    can_receive_ = true;
    return true;
}

std::size_t Connection::largest() const {
    // An agent has asked to be answered; to the coordinator comes who will.
    return authenticated_ || side_ == Side::agent ? largest_frame : largest_of_a_stranger;
}

bool Connection::take_frame() {
    if (received().size() < length_size) return false;
    const std::size_t length = get_length(received().data());
    if (length < added_by_sealing || length > largest() + added_by_sealing) {
        return refuse(authenticated_ ? fmt::format("a message of {} bytes came", length) : wrong_secret);
    }
    if (received().size() - length_size < length) return false;
    opened_.resize(length - added_by_sealing);
    if (crypto_secretstream_xchacha20poly1305_pull(&receives_, opened_.data(), nullptr, nullptr,
                                                   received().data() + length_size, length, nullptr, 0) != 0) {
        return refuse(authenticated_ ? "what it sent was changed on its way" : wrong_secret);
    }
    in_begin_ += length_size + length;
    authenticated_ = true;
    Decoder messages({reinterpret_cast<const std::byte*>(opened_.data()), opened_.size()});
    listener_.on_messages(messages);
    return static_cast<bool>(socket_);
}

void Connection::close(const std::string& reason) {
    if (!socket_) return;
    loop_.remove(socket_.get(), *this);
    socket_.close();
    listener_.on_closed(reason);
}

}  // namespace haid::nodes
