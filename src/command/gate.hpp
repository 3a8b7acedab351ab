// Conditions of the machine under which nothing new is started: --load and --memfree.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace haid::command {

struct GateSettings {
    std::string most_load;  // running processes, ours included: N or N% of the CPUs, as for -j; empty: any
    std::optional<std::uint64_t> least_free_memory;  // bytes
};

class Gate {
  public:
    // How often to look: /proc is read in some 50 µs; a new job shows its load or its memory only after a while anyway.
    static constexpr std::chrono::milliseconds interval{250};

    // Looks at once. `cpus`: what N% of them are.
    Gate(const GateSettings& settings, int cpus);
    bool active() const { return most_load_ || least_free_memory_; }

    void look();
    bool open() const { return open_; }
    // What the last look saw, where it is not open: "9 processes run, and --load is 4".
    std::string why() const;
    // Less than half of the wanted memory is free: the youngest job should go.
    bool desperate() const { return desperate_; }

  private:
    std::optional<double> most_load_;
    std::optional<std::uint64_t> least_free_memory_;
    double running_ = 0;
    std::uint64_t free_memory_ = 0;
    bool open_ = true;
    bool desperate_ = false;
};

}  // namespace haid::command
