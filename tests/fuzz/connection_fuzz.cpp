// Whatever a stranger says to either side of a connection: none of it is taken for a message.
//
// The first byte: which side is spoken to, and in how large pieces; then what is said.
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>

#include "fields.hpp"
#include "nodes/connection.hpp"
#include "system/error.hpp"

namespace {

using namespace haid;

struct Listener : nodes::Connection::Listener {
    void on_messages(Decoder&) override { fuzz::expect(false); }
    void on_closed(const std::string& reason) override {
        fuzz::expect(!closed && !reason.empty());
        closed = true;
    }
    bool closed = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static system::EventLoop loop;
    static const nodes::Secret secret = nodes::Secret::random();
    int ends[2];
    system::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair");
    const system::Descriptor stranger(ends[1]);
    Listener listener;
    const auto side = (data[0] & 1) != 0 ? nodes::Connection::Side::coordinator : nodes::Connection::Side::agent;
    const std::size_t piece = 1 + static_cast<std::size_t>(data[0] >> 1) * 8;
    nodes::Connection connection(loop, system::Descriptor(ends[0]), secret, side, listener);
    for (std::size_t at = 1; at < size && !listener.closed; at += piece) {
        if (::send(stranger.get(), data + at, std::min(piece, size - at), MSG_NOSIGNAL) < 0) break;
        loop.wait(system::Clock::now());
    }
    fuzz::expect(!connection.authenticated());
    return 0;
}
