// An agent's call to its coordinator, and the lease that the coordinator's answers give it. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "process/standstill.hpp"
#include "system/descriptor.hpp"
#include "system/event_loop.hpp"

namespace haid::nodes {

// The name under which a coordinator expects the agent of this node.
std::string this_node();

// "10.0.0.1:4711,[::1]:4711" as a list.
std::vector<std::string> split_addresses(std::string_view text);

// Waits until one of the addresses answers, each tried several times. Throws std::runtime_error naming all of them,
// std::invalid_argument for what is no address.
system::Descriptor connect_to_any(const std::vector<std::string>& addresses);

// The signs of life that an agent sends, and what their answers mean.
class SignsOfLife {
  public:
    explicit SignsOfLife(system::Time connected) : lease_from_(connected), standstill_(connected) {}

    // Whether it is time for one; `number` is the Beat's.
    bool due(system::Time now, std::uint64_t& number);
    // One was answered: since when the lease counts. False: it was never sent, or a later one was answered before.
    bool answered(std::uint64_t number);
    // As if it had been answered: nobody could.
    void excused(system::Time now) { lease_from_ = now; }
    // When the lease ends.
    system::Time lease_end() const;
    // It has ended. Who stood still himself could not ask for it: then it may still be renewed for some seconds, during
    // which the guard lets nothing run (process/guard.hpp). To be called at least every second.
    bool lapsed(system::Time now);

  private:
    std::map<std::uint64_t, system::Time> sent_;  // that were not answered yet
    std::uint64_t last_ = 0;
    system::Time last_at_{};
    system::Time lease_from_;
    process::Standstill standstill_;
};

}  // namespace haid::nodes
