#include "system/resources.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "verbs.hpp"

namespace haid::cli {
namespace {

std::string show_cpus(double value) {
    return fmt::format("{:g}", value);
}

std::string show_bytes(double value) {
    const char* unit = "B";
    for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
        if (value < 1024) break;
        value /= 1024;
        unit = next;
    }
    return fmt::format("{:.4g} {}", value, unit);
}

void show_sources(const std::vector<system::ResourceSource>& sources, std::string (*show)(double)) {
    std::size_t width = 0;
    for (const auto& source : sources) width = std::max(width, source.name.size());
    for (const auto& source : sources) {
        std::string value = source.value ? show(*source.value) : "-";
        fmt::print("  {:<{}}  {:>10}  {}{}\n", source.name, width, value, source.detail,
                   source.decided  ? "  <- decided"
                   : source.limits ? ""
                                   : "  (for information)");
    }
}

}  // namespace

int show_resources(const std::vector<std::string>& words, const Personality& who) {
    if (!words.empty() && words.front() != "--help" && words.front() != "-h") {
        throw UsageError(fmt::format(
            "'{}': haid resources takes no arguments (a program called resources: haid -- resources)", words.front()));
    }
    if (!words.empty()) {
        fmt::print(
            "{} resources: how many CPUs and how much memory may be used here, what every source says, and which one\n"
            "decided: the smallest.\n",
            who.name);
        return 0;
    }
    system::ResourceFacts facts = system::ResourceFacts::of_this_process();
    system::CpuResources cpus = system::cpu_resources(facts);
    system::CpuTopology machine = system::cpu_topology(facts);
    system::MemoryResources memory = system::memory_resources(facts);
    fmt::print("CPUs that may be used: {}\n", cpus.usable);
    show_sources(cpus.sources, show_cpus);
    fmt::print("  the machine has {} sockets, {} cores, {} hardware threads\n", machine.sockets, machine.cores,
               machine.threads);
    bool known = memory.usable != UINT64_MAX;
    fmt::print("\nMemory that may be used: {}\n", known ? show_bytes(static_cast<double>(memory.usable)) : "not known");
    show_sources(memory.sources, show_bytes);
    std::uint64_t available = system::available_memory(facts);
    if (available != UINT64_MAX) fmt::print("  {} of it are free now\n", show_bytes(static_cast<double>(available)));
    return 0;
}

}  // namespace haid::cli
