#include "haid/resources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <ostream>

#include "system/resources.hpp"

namespace haid {
namespace {

std::vector<ResourceSource> to_public(const std::vector<system::ResourceSource>& found) {
    std::vector<ResourceSource> sources;
    sources.reserve(found.size());
    for (const system::ResourceSource& source : found) {
        sources.push_back({source.name, source.value, source.detail, source.limits, source.decided});
    }
    return sources;
}

std::string show_cpus(double value) {
    return fmt::format("{:g}", value);
}

void show_sources(std::string& text, const std::vector<ResourceSource>& sources, std::string (*show)(double)) {
    std::size_t width = 0;
    for (const ResourceSource& source : sources) width = std::max(width, source.name.size());
    for (const ResourceSource& source : sources) {
        fmt::format_to(std::back_inserter(text), "  {:<{}}  {:>10}  {}{}\n", source.name, width,
                       source.value ? show(*source.value) : "-", source.detail,
                       source.decided  ? "  <- decided"
                       : source.limits ? ""
                                       : "  (for information)");
    }
}

}  // namespace

int cpu_count() {
    return system::cpu_resources(system::ResourceFacts::of_this_process()).usable;
}

std::uint64_t memory() {
    return system::memory_resources(system::ResourceFacts::of_this_process()).usable;
}

Resources resources() {
    auto facts = system::ResourceFacts::of_this_process();
    system::CpuResources cpus = system::cpu_resources(facts);
    system::CpuTopology machine = system::cpu_topology(facts);
    system::MemoryResources memory = system::memory_resources(facts);
    return {.cpus = cpus.usable,
            .cpu_sources = to_public(cpus.sources),
            .sockets = machine.sockets,
            .cores = machine.cores,
            .threads = machine.threads,
            .memory = memory.usable,
            .memory_sources = to_public(memory.sources),
            .free_memory = system::available_memory(facts)};
}

std::ostream& operator<<(std::ostream& out, const Resources& resources) {
    std::string text = fmt::format("CPUs that may be used: {}\n", resources.cpus);
    auto add = std::back_inserter(text);
    show_sources(text, resources.cpu_sources, show_cpus);
    fmt::format_to(add, "  the machine has {} sockets, {} cores, {} hardware threads\n", resources.sockets,
                   resources.cores, resources.threads);
    bool known = resources.memory != UINT64_MAX;
    fmt::format_to(add, "\nMemory that may be used: {}\n",
                   known ? system::show_bytes(static_cast<double>(resources.memory)) : "not known");
    show_sources(text, resources.memory_sources, system::show_bytes);
    if (resources.free_memory != UINT64_MAX) {
        fmt::format_to(add, "  {} of it are free now\n",
                       system::show_bytes(static_cast<double>(resources.free_memory)));
    }
    return out << text;
}

}  // namespace haid
