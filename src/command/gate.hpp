// Conditions of the machine under which nothing new is started: --load and --memfree.
#pragma once

#include <cstdint>
#include <optional>

#include "system/event_loop.hpp"

namespace haid::command {

struct GateSettings {
    std::optional<double> most_load;                 // running processes, ours included
    std::optional<std::uint64_t> least_free_memory;  // bytes
    bool active() const { return most_load || least_free_memory; }
};

class Gate {
  public:
    explicit Gate(GateSettings settings) : settings_(settings) {}

    // Looks at the machine, at most every `interval`.
    void look(system::Time now);
    bool open() const { return open_; }
    // Less than half of the wanted memory is free: the youngest job should go, once for each look.
    bool take_desperate();
    std::optional<system::Time> next() const { return settings_.active() ? std::optional(next_look_) : std::nullopt; }

  private:
    // /proc is read in some 50 µs; a new job shows its load or its memory only after a while anyway.
    static constexpr std::chrono::milliseconds interval{250};
    GateSettings settings_;
    system::Time next_look_{};
    bool open_ = true;
    bool desperate_ = false;
};

}  // namespace haid::command
