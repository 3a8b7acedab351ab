// TCP with numeric addresses: nothing is looked up by name, so that a static program can use it anywhere.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "system/descriptor.hpp"

namespace haid::system {

// An address and a port, as "10.0.0.1:4711" or "[fe80::1%3]:4711".
class Endpoint {
  public:
    // nullopt where the text is none.
    static std::optional<Endpoint> parse(std::string_view text);
    Endpoint(const sockaddr* address, socklen_t size);

    std::string text() const;
    const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage_); }
    socklen_t size() const { return size_; }
    int family() const { return storage_.ss_family; }
    bool loopback() const;
    void set_port(std::uint16_t port);
    std::uint16_t port() const;

  private:
    Endpoint() = default;
    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

// The addresses of this machine's interfaces that are up, with that port: those that others can reach first, loopback
// last. Throws SystemError.
std::vector<Endpoint> own_endpoints(std::uint16_t port);

// Listens on all addresses of this machine, IPv6's too where it has them, at a port of the system's choice. Throws
// SystemError.
struct Listening {
    Descriptor socket;
    std::uint16_t port;
};
Listening listen_anywhere();

// The next one who has come; none where there is nobody. Does not block, nor do the sockets that it returns.
// Throws SystemError (EMFILE).
struct Accepted {
    Descriptor socket;
    std::string from;
};
std::optional<Accepted> accept_one(int listening);

// A connection that is being made; writable when it is known what became of it. Throws SystemError.
Descriptor begin_connecting(const Endpoint& to);
// 0, or the errno for which it was refused.
int connection_error(int socket);

}  // namespace haid::system
