// When to stop before everything has run: GNU parallel's --halt.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace haid::schedule {

struct Halt {
    enum class When { never, soon, now } when = When::never;  // soon: let what runs end; now: end it
    enum class On { fail, success, done } on = On::fail;
    std::uint64_t count = 1;
    std::optional<double> percent;  // of all inputs; replaces count

    bool active() const { return when != When::never; }
    bool needs_total() const { return active() && percent.has_value(); }
};

// "never", "soon,fail=1", "now,success=30%", "5%" and the old "0", "1", "2", "-1", "-2".
// Throws std::invalid_argument saying what is allowed.
Halt parse_halt(std::string_view text);

// How many have ended, and how.
struct Tally {
    std::uint64_t started = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t done() const { return succeeded + failed; }
};

// Whether the condition holds. `total`: all inputs, needed for a percentage.
bool reached(const Halt& halt, const Tally& tally, std::optional<std::uint64_t> total);

}  // namespace haid::schedule
