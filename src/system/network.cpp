#include "system/network.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include "system/error.hpp"

namespace haid::system {
namespace {

constexpr int most_waiting = 1024;  // connections that have come and are not accepted yet

// Small messages go at once: they come in batches already.
void without_delay(int socket) {
    const int yes = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace

Endpoint::Endpoint(const sockaddr* address, socklen_t size) : size_(size) {
    std::memcpy(&storage_, address, size);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    std::uint16_t port = 0;
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end) return std::nullopt;
    std::string host(text.substr(0, colon));
    Endpoint endpoint;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        auto& six = reinterpret_cast<sockaddr_in6&>(endpoint.storage_);
        const std::size_t percent = host.find('%');
        if (percent != host.npos) {
            const std::string scope = host.substr(percent + 1);
            std::from_chars(scope.data(), scope.data() + scope.size(), six.sin6_scope_id);
            host.resize(percent);
        }
        if (::inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) != 1) return std::nullopt;
        six.sin6_family = AF_INET6;
        endpoint.size_ = sizeof six;
    } else {
        auto& four = reinterpret_cast<sockaddr_in&>(endpoint.storage_);
        if (::inet_pton(AF_INET, host.c_str(), &four.sin_addr) != 1) return std::nullopt;
        four.sin_family = AF_INET;
        endpoint.size_ = sizeof four;
    }
    endpoint.set_port(port);
    return endpoint;
}

std::string Endpoint::text() const {
    char host[INET6_ADDRSTRLEN] = "?";
    if (family() == AF_INET) {
        const auto& four = reinterpret_cast<const sockaddr_in&>(storage_);
        ::inet_ntop(AF_INET, &four.sin_addr, host, sizeof host);
        return fmt::format("{}:{}", host, port());
    }
    const auto& six = reinterpret_cast<const sockaddr_in6&>(storage_);
    ::inet_ntop(AF_INET6, &six.sin6_addr, host, sizeof host);
    if (six.sin6_scope_id != 0) return fmt::format("[{}%{}]:{}", host, six.sin6_scope_id, port());
    return fmt::format("[{}]:{}", host, port());
}

bool Endpoint::loopback() const {
    if (family() == AF_INET) {
        return ntohl(reinterpret_cast<const sockaddr_in&>(storage_).sin_addr.s_addr) >> 24 == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(storage_).sin6_addr);
}

// Both families have the port at the same place.
void Endpoint::set_port(std::uint16_t port) {
    reinterpret_cast<sockaddr_in&>(storage_).sin_port = htons(port);
}

std::uint16_t Endpoint::port() const {
    return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
}

std::vector<Endpoint> own_endpoints(std::uint16_t port) {
    ifaddrs* first = nullptr;
    check(::getifaddrs(&first), "cannot list the network interfaces");
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(first, ::freeifaddrs);
    std::vector<Endpoint> endpoints;
    for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_UP) == 0) continue;
        const int family = one->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        // The scope of a link-local address is a number of this machine's: elsewhere it means another interface.
        if (family == AF_INET6 &&
            IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr)) {
            continue;
        }
        endpoints.emplace_back(one->ifa_addr,
                               static_cast<socklen_t>(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
        endpoints.back().set_port(port);
    }
    std::stable_partition(endpoints.begin(), endpoints.end(), [](const Endpoint& one) { return !one.loopback(); });
    return endpoints;
}

Listening listen_anywhere() {
    Descriptor socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage any{};
    socklen_t size = sizeof(sockaddr_in);
    any.ss_family = AF_INET;
    if (socket) {
        const int no = 0;
        check(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no), "cannot listen for IPv4, too");
        any.ss_family = AF_INET6;
        size = sizeof(sockaddr_in6);
        if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), size) != 0) socket.close();
    }
    if (!socket) {  // a machine without IPv6
        any = {};
        any.ss_family = AF_INET;
        size = sizeof(sockaddr_in);
        socket =
            Descriptor(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "cannot make a socket"));
        check(::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), size), "cannot listen");
    }
    check(::listen(socket.get(), most_waiting), "cannot listen");
    size = sizeof any;
    check(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&any), &size), "cannot listen");
    const std::uint16_t port = Endpoint(reinterpret_cast<sockaddr*>(&any), size).port();
    return {std::move(socket), port};
}

std::optional<Accepted> accept_one(int listening) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int socket = uninterrupted(
        [&] { return ::accept4(listening, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK); });
    if (socket < 0) {
        // Whoever came has gone again, or nobody came.
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EPROTO || errno == EPERM) return std::nullopt;
        throw_errno("cannot accept a connection");
    }
    without_delay(socket);
    return Accepted{Descriptor(socket), Endpoint(reinterpret_cast<sockaddr*>(&from), size).text()};
}

Descriptor begin_connecting(const Endpoint& to) {
    Descriptor socket(
        check(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "cannot make a socket"));
    without_delay(socket.get());
    if (::connect(socket.get(), to.address(), to.size()) != 0 && errno != EINPROGRESS && errno != EINTR) {
        throw_errno(fmt::format("cannot connect to {}", to.text()));
    }
    return socket;
}

int connection_error(int socket) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

}  // namespace haid::system
