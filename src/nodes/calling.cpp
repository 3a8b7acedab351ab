#include "nodes/calling.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <stdexcept>

#include "nodes/lease.hpp"
#include "system/error.hpp"
#include "system/network.hpp"
#include "system/resources.hpp"

namespace haid::nodes {
namespace {

// An address may belong to a network that leads nowhere from here.
constexpr std::chrono::seconds connecting_takes{3};
constexpr int rounds = 5;

// Empty: it has connected.
std::string connect_to(const system::Endpoint& endpoint, system::Descriptor& socket) {
    try {
        socket = system::begin_connecting(endpoint);
    } catch (const system::SystemError& error) {
        return system::reason(error.error());
    }
    pollfd one{socket.get(), POLLOUT, 0};
    const auto milliseconds = std::chrono::milliseconds(connecting_takes).count();
    const int ready = system::uninterrupted([&] { return ::poll(&one, 1, static_cast<int>(milliseconds)); });
    if (ready < 0) return system::reason(errno);
    if (ready == 0) return fmt::format("no answer within {} s", connecting_takes.count());
    if (int error = system::connection_error(socket.get())) return system::reason(error);
    return {};
}

}  // namespace

std::string this_node() {
    if (const char* name = std::getenv("SLURMD_NODENAME"); name != nullptr && *name != '\0') return name;
    return system::host_name();
}

std::vector<std::string> split_addresses(std::string_view text) {
    std::vector<std::string> addresses;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t comma = std::min(text.find(',', begin), text.size());
        addresses.emplace_back(text.substr(begin, comma - begin));
        begin = comma + 1;
    }
    return addresses;
}

system::Descriptor connect_to_any(const std::vector<std::string>& addresses) {
    std::string tried;
    for (int round = 0; round < rounds; ++round) {
        if (round > 0) ::sleep(1);
        tried.clear();
        for (const std::string& address : addresses) {
            const auto endpoint = system::Endpoint::parse(address);
            if (!endpoint) throw std::invalid_argument(fmt::format("'{}' is no address", address));
            system::Descriptor socket;
            const std::string why_not = connect_to(*endpoint, socket);
            if (why_not.empty()) return socket;
            tried += fmt::format("{}{} ({})", tried.empty() ? "" : ", ", address, why_not);
        }
    }
    throw std::runtime_error(fmt::format("the coordinator of the run cannot be reached at {}", tried));
}

bool SignsOfLife::due(system::Time now, std::uint64_t& number) {
    if (now - last_at_ < beat_every) return false;
    last_at_ = now;
    number = ++last_;
    sent_[number] = now;
    return true;
}

bool SignsOfLife::answered(std::uint64_t number) {
    auto sent = sent_.find(number);
    if (sent == sent_.end()) return false;
    lease_from_ = sent->second;
    sent_.erase(sent_.begin(), std::next(sent));
    return true;
}

system::Time SignsOfLife::lease_end() const {
    return lease_from_ + lease;
}

bool SignsOfLife::lapsed(system::Time now) {
    standstill_.look(now);
    return now > lease_end() && !standstill_.just_ended(now);
}

}  // namespace haid::nodes
