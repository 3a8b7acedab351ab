// One TCP connection between the coordinator and an agent, encrypted and authenticated both ways.
//
// Each side sends 32 random bytes; a key for each direction is made of these and the run's secret (BLAKE2b), so that
// nothing recorded can be played back. From then on there are frames: four bytes of length (little endian) and as many
// of libsodium's secretstream. Who does not know the secret cannot make one frame that is taken, nor read any. A peer
// is authenticated with its first frame; before that no more than a small one is taken.
//
// What is sent during one turn of the loop becomes one frame. Not thread-safe.
#pragma once

#include <sodium.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "haid/codec.hpp"
#include "nodes/secret.hpp"
#include "system/descriptor.hpp"
#include "system/event_loop.hpp"

namespace haid::nodes {

class Connection : private system::Watcher {
  public:
    // It must not destroy the connection from which it is called.
    class Listener {
      public:
        virtual ~Listener() = default;
        // One or more messages, whole ones: decode until none is left. What it throws as DecodeError closes.
        virtual void on_messages(Decoder& from) = 0;
        // The connection is of no use any more, for that reason. The last call.
        virtual void on_closed(const std::string& reason) = 0;
    };
    enum class Side { coordinator, agent };

    // The socket is connected, or is about to be.
    Connection(system::EventLoop& loop, system::Descriptor socket, const Secret& secret, Side side, Listener& listener);
    ~Connection() override;

    // Encodes the message, a variant; it goes out when the loop comes to it. Nothing where the connection is closed.
    template <class Message>
    void send(const Message& message) {
        if (!socket_) return;
        encode(plain_, message);
        sealed_or_wanted();
    }
    // Sends what the socket takes now.
    void flush();
    // Bytes that have not gone out yet.
    std::size_t waiting() const { return plain_.bytes().size() + out_.size() - out_sent_; }
    // The peer knows the secret.
    bool authenticated() const { return authenticated_; }

  private:
    static constexpr std::size_t nonce_size = 32;
    static constexpr std::size_t length_size = 4;

    void on_ready(std::uint32_t events) override;
    void sealed_or_wanted();
    void seal();
    void want_writing(bool wanted);
    std::span<const unsigned char> received() const { return {in_.data() + in_begin_, in_end_ - in_begin_}; }
    bool receive();
    bool refuse(const std::string& reason);
    bool take_nonce();
    bool take_header();
    bool take_frame();
    std::size_t largest() const;
    void make_key(unsigned char* key, Side from) const;
    void close(const std::string& reason);

    system::EventLoop& loop_;
    system::Descriptor socket_;
    Secret secret_;
    Side side_;
    Listener& listener_;
    unsigned char nonce_[nonce_size];
    crypto_secretstream_xchacha20poly1305_state sends_{};
    crypto_secretstream_xchacha20poly1305_state receives_{};
    bool can_send_ = false;     // the peer's nonce has come
    bool can_receive_ = false;  // and its stream's header
    unsigned char their_nonce_[nonce_size];
    bool authenticated_ = false;
    bool wants_writing_ = false;
    BufferEncoder plain_;  // messages that are in no frame yet
    std::vector<unsigned char> out_;
    std::size_t out_sent_ = 0;
    std::vector<unsigned char> in_;  // from in_begin_ to in_end_: received and not taken yet
    std::size_t in_begin_ = 0;
    std::size_t in_end_ = 0;
    std::vector<unsigned char> opened_;
};

// Decodes and handles all messages of a variant. Stops where the handler says so, by returning false.
template <class Message, class Handler>
void for_each_message(Decoder& from, Handler handle) {
    while (from.remaining() > 0) {
        if (!handle(decode<Message>(from))) return;
    }
}

}  // namespace haid::nodes
