// An agent that says anything, to a real coordinator: both in this process, over TCP. Of the many nodes of the run each
// input is one; what stands for srun starts nobody.
#pragma once

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "fields.hpp"
#include "nodes/calling.hpp"
#include "nodes/connection.hpp"
#include "nodes/launch_plan.hpp"
#include "nodes/messages.hpp"
#include "system/error.hpp"
#include "system/event_loop.hpp"

namespace haid::fuzz {

// Bytes that go into a frame as they are.
struct Raw {
    std::span<const std::byte> bytes;
};

// Where the coordinator of one run is to be found. Its agents' launcher tells.
class MeetingPlace {
  public:
    static constexpr std::size_t nodes = 400;

    MeetingPlace() {
        folder_ = std::filesystem::temp_directory_path() / "haid-fuzz-XXXXXX";
        if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    }
    ~MeetingPlace() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    MeetingPlace(const MeetingPlace&) = delete;
    MeetingPlace& operator=(const MeetingPlace&) = delete;

    nodes::LaunchPlan plan() const {
        nodes::LaunchPlan plan;
        for (std::size_t node = 0; node < nodes; ++node) plan.nodes.push_back(name(node));
        // Agents are told by their command line (… --to ADDRESSES --secret FILE), hosts by a variable.
        plan.launcher = {"/bin/sh", "-c",
                         "echo \"${HAID_POOL_HOST:-$4 $6}\" > \"$0.new\" && mv \"$0.new\" \"$0\"; exec sleep 100000",
                         folder_ + "/told"};
        plan.environment = {"PATH=/usr/bin:/bin"};
        plan.run_folders = {folder_ + "/run"};
        return plan;
    }
    static std::string name(std::size_t node) { return "n" + std::to_string(node); }

    // To be called when the coordinator is there.
    void find() {
        const std::string told = folder_ + "/told";
        for (int tries = 0; !std::filesystem::exists(told); ++tries) {
            if (tries == 60'000) throw std::runtime_error("the launcher did not say where to call");
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        std::string addresses, secret;
        std::ifstream(told) >> addresses >> secret;
        addresses_ = haid::nodes::split_addresses(addresses);
        secret_.emplace(haid::nodes::Secret::read(secret));
    }
    const std::vector<std::string>& addresses() const { return addresses_; }
    const haid::nodes::Secret& secret() const { return *secret_; }

  private:
    std::string folder_;
    std::vector<std::string> addresses_;
    std::optional<haid::nodes::Secret> secret_;
};

// The agent of a node. FromCoordinator: the variant of what it is told.
template <class ToCoordinator, class FromCoordinator>
class Caller : private nodes::Connection::Listener {
  public:
    Caller(system::EventLoop& loop, const MeetingPlace& place, std::size_t node, std::uint32_t version)
        : loop_(loop),
          connection_(loop, nodes::connect_to_any(place.addresses()), place.secret(), nodes::Connection::Side::agent,
                      *this) {
        connection_.send(ToCoordinator(nodes::Hello{version, "fuzz", {}, MeetingPlace::name(node), 1}));
    }

    template <class Message>
    void send(const Message& message) {
        connection_.send(message);
    }
    void flush() { connection_.flush(); }
    // The coordinator has taken all that was said. False: it has closed the connection.
    bool heard() {
        // In a frame of its own: what was said before cannot have it as its end.
        connection_.flush();
        connection_.send(ToCoordinator(nodes::Beat{++beats_}));
        const auto until = system::Clock::now() + std::chrono::seconds(30);
        while (!closed_ && answered_ < beats_) {
            expect(system::Clock::now() < until);
            loop_.wait(until);
        }
        return !closed_;
    }

  private:
    void on_messages(Decoder& from) override {
        nodes::for_each_message<FromCoordinator>(from, [this](FromCoordinator&& message) {
            if (const auto* beat = std::get_if<nodes::Beat>(&message)) answered_ = beat->number;
            return true;
        });
    }
    void on_closed(const std::string&) override { closed_ = true; }

    system::EventLoop& loop_;
    nodes::Connection connection_;
    std::uint64_t beats_ = std::uint64_t{1} << 32;  // none that an input would say
    std::uint64_t answered_ = 0;
    bool closed_ = false;
};

// Gives `say` the messages that the bytes are, as far as they are some, and what is left of them.
template <class Message, class Say>
void for_each_said(std::span<const std::byte> bytes, Say say) {
    while (!bytes.empty()) {
        Decoder from(bytes);
        try {
            Message message = decode<Message>(from);
            bytes = bytes.last(from.remaining());
            if (!say(message)) return;
        } catch (const DecodeError&) {
            Raw rest{bytes};
            say(rest);
            return;
        }
    }
}

}  // namespace haid::fuzz

template <>
struct haid::Codec<haid::fuzz::Raw> {
    static void encode(Encoder& to, const fuzz::Raw& raw) { to.write(raw.bytes.data(), raw.bytes.size()); }
    static fuzz::Raw decode(Decoder&) = delete;
};
