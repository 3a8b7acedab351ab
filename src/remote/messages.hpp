// What a pool over nodes and its hosts say to each other, besides what all agents say (nodes/messages.hpp). Items have
// the numbers that they have in the pool's call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "haid/detail/pool/call.hpp"
#include "nodes/connection.hpp"
#include "nodes/messages.hpp"

namespace haid::remote {

// Raised with every change of what follows.
inline constexpr std::uint32_t protocol_version = 3;

// The environment variable by which a program learns that it is to be a host: addresses, a space, the secret's file.
inline constexpr const char* host_variable = "HAID_POOL_HOST";

using Bytes = std::vector<std::byte>;

// The beginning of what the next message with bytes has.
struct Piece {
    Bytes bytes;
};

// -- of a host

// Its workers are there.
struct Ready {
    int workers;
};

// An attempt has ended.
struct Attempt {
    std::int64_t nanoseconds;  // that it took; 0: not known
    int worker;                // of the host's; -1: not known
    std::uint64_t number;      // from 1
};

struct Values {
    std::uint64_t call;
    std::uint64_t first;
    std::uint32_t count;
    Attempt attempt;
    bool large;  // alone, as Call::large_value takes it
    Bytes bytes;
};

struct Failed {
    struct Lost {  // its worker
        std::string how;
        int exit_code;
    };
    std::uint64_t call;
    std::uint64_t item;
    Attempt attempt;
    bool again;  // it is tried once more there
    std::optional<Lost> lost;
    Bytes error;
};

// This call cannot go on there, nor elsewhere.
struct Aborted {
    std::uint64_t call;
    Bytes error;
};

// Nothing of the call runs there, nor will.
struct Over {
    std::uint64_t call;
};

// The host's workers cannot work at all.
struct Broken {
    Bytes error;
};

using OfHost = nodes::OfAgent<Piece, Ready, Values, Failed, Aborted, Over, Broken>;

// -- of the pool

// What the host's engine is made from.
struct Welcome {
    Bytes description;
};

// Before the first items of a call.
struct Open {
    std::uint64_t call;
    detail::Limits limits;
    bool listened_to;  // attempts that are not the last of an item are of interest, too
    bool shared;       // its tasks have the bytes in common
    Bytes common;
};

// Items `from` to `to` of a task whose item 0 is the call's item `first`.
struct Items {
    std::uint64_t call;
    std::uint64_t first;
    std::uint32_t from;
    std::uint32_t to;
    std::uint64_t function;
    std::uint64_t context;
    Bytes input;
};

// All of the call's items are resolved.
struct Close {
    std::uint64_t call;
};

struct Cancel {
    std::uint64_t call;
    bool stop;  // also what runs
};

struct Goodbye {
    bool at_once;
};

using OfPool = nodes::OfCoordinator<Piece, Welcome, Open, Items, Close, Cancel, Goodbye>;

// A message of any size, in pieces that the connection takes.
template <class Union, class Message>
void send_in_pieces(nodes::Connection& to, Message message, Bytes Message::*bytes) {
    constexpr std::size_t largest = 1024 * 1024;
    Bytes& all = message.*bytes;
    std::size_t sent = 0;
    for (; all.size() - sent > largest; sent += largest) {
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(sent);
        to.send(Union(Piece{{begin, begin + static_cast<std::ptrdiff_t>(largest)}}));
    }
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(sent));
    to.send(Union(std::move(message)));
}

// Puts them together again.
class Pieces {
  public:
    void add(Piece&& piece) { before_.insert(before_.end(), piece.bytes.begin(), piece.bytes.end()); }
    // To the bytes of the message behind them.
    void complete(Bytes& bytes) {
        if (before_.empty()) return;
        before_.insert(before_.end(), bytes.begin(), bytes.end());
        bytes = std::exchange(before_, {});
    }

  private:
    Bytes before_;
};

}  // namespace haid::remote
