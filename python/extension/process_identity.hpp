// Which process this is, and whether another one is still the one that it was: numbers of processes are used again.
#pragma once

#include <cstdint>
#include <optional>

namespace haid::python {

// When a process was started, in clock ticks since the machine was; nullopt: it has ended, or there is none.
std::optional<std::uint64_t> start_of_process(std::uint32_t pid);

struct ProcessIdentity {
    std::uint32_t pid;
    std::uint64_t start;
};

// Of this process, which a fork may have made since. Wants the GIL.
const ProcessIdentity& self();

}  // namespace haid::python
