// What the coordinator and the agents of any run say to each other, whatever the run does.
//
// Messages are values, written as the library's codec writes structs. Order matters: all that is said on one connection
// arrives in the order in which it was said.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace haid::nodes {

// The first message of an agent.
struct Hello {
    std::uint32_t version;  // of the messages
    std::string program;    // haid's version
    std::string build;      // what must be the same on both sides; empty: nothing
    std::string node;
    std::int64_t pid;
};

// The agent's sign of life. Answered at once by the same number: from when it was sent, the lease is counted.
struct Beat {
    std::uint64_t number;
};

// No work for this agent, and why.
struct Refused {
    std::string reason;
};

// The messages of a certain kind of run follow behind these, which have the same numbers in every kind.
template <class... More>
using OfAgent = std::variant<Hello, Beat, More...>;
template <class... More>
using OfCoordinator = std::variant<Refused, Beat, More...>;

}  // namespace haid::nodes
