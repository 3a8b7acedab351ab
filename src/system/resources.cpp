#include "system/resources.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <set>
#include <utility>

#include "system/cgroup.hpp"
#include "system/slurm_environment.hpp"
#include "system/text.hpp"

namespace haid::system {

namespace {

// The kernel refuses a mask that is smaller than its own with EINVAL and does not tell how large that is.
int affinity_of_this_thread() {
    constexpr int most_cpus = 1 << 20;
    for (int cpus = 1024; cpus <= most_cpus; cpus *= 2) {
        std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(CPU_ALLOC(static_cast<std::size_t>(cpus)),
                                                              [](cpu_set_t* set) { CPU_FREE(set); });
        auto size = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
        if (!mask) return 0;
        if (::sched_getaffinity(0, size, mask.get()) == 0) return CPU_COUNT_S(size, mask.get());
        if (errno != EINVAL) return 0;
    }
    return 0;
}

// "0-3,8" of /sys/devices/system/cpu. Empty where it is not understood.
std::vector<int> parse_cpu_list(std::string_view text) {
    constexpr std::uint64_t most_cpus = 1 << 20;
    std::vector<int> cpus;
    for (auto range : split(text, ',')) {
        auto dash = range.find('-');
        auto first = parse_whole_number(range.substr(0, dash));
        auto last = dash == range.npos ? first : parse_whole_number(range.substr(dash + 1));
        if (!first || !last || *last < *first || *last >= most_cpus) return {};
        for (auto cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
    }
    return cpus;
}

constexpr auto online_path = "/sys/devices/system/cpu/online";

std::vector<int> online_cpus(const std::string& root) {
    return parse_cpu_list(read_text(root + online_path).value_or(""));
}

// The text behind the colon of a line "key   : value".
std::string_view value_behind_colon(std::string_view line) {
    auto colon = line.find(':');
    auto value = colon == line.npos ? colon : line.find_first_not_of(" \t", colon + 1);
    return value == line.npos ? std::string_view() : line.substr(value);
}

// Where a CPU is: its socket, and its core by a name that no other core of the machine has.
using Places = std::vector<std::pair<std::string, std::string>>;

// Empty where the kernel does not tell it of every online CPU.
Places places_from_sys(const std::string& root) {
    Places places;
    for (int cpu : online_cpus(root)) {
        auto folder = fmt::format("{}/sys/devices/system/cpu/cpu{}/topology/", root, cpu);
        auto socket = read_text(folder + "physical_package_id");
        auto core = read_text(folder + "core_id");
        if (!socket || !core) return {};
        // A core's number is unique only within its die or cluster on some machines (arm64). A core lies in one
        // die and one cluster, so that naming them does no harm elsewhere.
        auto die = read_text(folder + "die_id").value_or("");
        auto cluster = read_text(folder + "cluster_id").value_or("");
        places.emplace_back(*socket, fmt::format("{} {} {} {}", *socket, die, cluster, *core));
    }
    return places;
}

// The number of processors, and their places where each has one.
std::pair<int, Places> processors_from_cpuinfo(const std::string& root) {
    int processors = 0;
    Places places;
    std::string socket;
    auto text = read_text(root + "/proc/cpuinfo").value_or("");
    for (auto line : split(text, '\n')) {
        auto value = value_behind_colon(line);
        if (line.starts_with("processor")) ++processors;
        if (line.starts_with("physical id")) socket = value;
        if (line.starts_with("core id")) places.emplace_back(socket, fmt::format("{} {}", socket, value));
    }
    if (places.size() != static_cast<std::size_t>(processors)) places.clear();
    return {processors, places};
}

int known_affinity(const ResourceFacts& facts) {
    return facts.affinity ? std::max(facts.affinity(), 0) : 0;
}

void add_machine(const std::string& root, std::vector<ResourceSource>& sources) {
    auto text = read_text(root + online_path).value_or("");
    if (auto online = parse_cpu_list(text); !online.empty()) {
        sources.push_back({"machine", fmt::format("{}: {}", online_path, text), static_cast<double>(online.size())});
    } else if (auto processors = processors_from_cpuinfo(root).first; processors > 0) {
        sources.push_back({"machine", fmt::format("/proc/cpuinfo: {} processors", processors), 1.0 * processors});
    }
}

// The smallest of the values, and marks the first source that has it.
std::optional<double> decide(std::vector<ResourceSource>& sources) {
    ResourceSource* smallest = nullptr;
    for (auto& source : sources) {
        if (source.limits && source.value && (!smallest || *source.value < *smallest->value)) smallest = &source;
    }
    if (!smallest) return {};
    smallest->decided = true;
    return smallest->value;
}

// A line "MemTotal:  123 kB" of /proc/meminfo, in bytes.
std::optional<std::uint64_t> meminfo(const std::string& root, std::string_view key) {
    auto text = read_text(root + "/proc/meminfo").value_or("");
    for (auto line : split(text, '\n')) {
        if (!line.starts_with(key) || line.substr(key.size(), 1) != ":") continue;
        auto value = value_behind_colon(line);
        auto number = parse_whole_number(value.substr(0, value.find(' ')));
        if (number && *number <= UINT64_MAX / 1024) return *number * 1024;
    }
    return {};
}

std::optional<ResourceSource> address_space_limit(const std::string& root) {
    auto text = read_text(root + "/proc/self/limits").value_or("");
    constexpr std::string_view key = "Max address space";
    for (auto line : split(text, '\n')) {
        if (!line.starts_with(key)) continue;
        auto start = line.find_first_not_of(' ', key.size());
        if (start == line.npos) return {};
        auto limit = parse_whole_number(line.substr(start, line.find(' ', start) - start));
        if (!limit) return {};  // "unlimited"
        return ResourceSource{"RLIMIT_AS", fmt::format("{} bytes of addresses for each process", *limit),
                              static_cast<double>(*limit), false};
    }
    return {};
}

}  // namespace

std::string host_name() {
    char name[256] = "";
    if (::gethostname(name, sizeof name - 1) != 0) return "";
    return name;
}

ResourceFacts ResourceFacts::of_this_process() {
    auto environment = [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    };
    return {"", environment, affinity_of_this_thread, system::host_name};
}

CpuResources cpu_resources(const ResourceFacts& facts) {
    CpuResources result;
    auto& sources = result.sources;
    if (int affinity = known_affinity(facts); affinity > 0) {
        sources.push_back({"affinity mask", fmt::format("sched_getaffinity: {} CPUs", affinity), 1.0 * affinity});
    }
    add_machine(facts.root, sources);
    auto quotas = cgroup_cpu_sources(facts.root);
    sources.insert(sources.end(), quotas.begin(), quotas.end());
    auto slurm = slurm_cpu_sources(facts);
    sources.insert(sources.end(), slurm.begin(), slurm.end());
    if (auto budget = count_variable(facts, "HAID_CPUS")) sources.push_back(std::move(*budget));
    result.usable = static_cast<int>(std::clamp(std::ceil(decide(sources).value_or(1)), 1.0, 1.0 * INT_MAX));
    return result;
}

CpuTopology cpu_topology(const ResourceFacts& facts) {
    auto places = places_from_sys(facts.root);
    auto threads = online_cpus(facts.root).size();
    if (places.empty()) {
        auto [processors, told] = processors_from_cpuinfo(facts.root);
        if (threads == 0) threads = static_cast<std::size_t>(processors);
        if (told.size() == threads) places = std::move(told);
    }
    if (threads == 0) threads = static_cast<std::size_t>(std::max(known_affinity(facts), 1));
    if (places.empty()) return {1, static_cast<int>(threads), static_cast<int>(threads)};
    std::set<std::string> sockets, cores;
    for (const auto& [socket, core] : places) {
        sockets.insert(socket);
        cores.insert(core);
    }
    return {static_cast<int>(sockets.size()), static_cast<int>(cores.size()), static_cast<int>(threads)};
}

MemoryResources memory_resources(const ResourceFacts& facts) {
    MemoryResources result;
    auto& sources = result.sources;
    if (auto total = meminfo(facts.root, "MemTotal")) {
        sources.push_back(
            {"machine", fmt::format("/proc/meminfo: MemTotal {} kB", *total / 1024), static_cast<double>(*total)});
        result.usable = *total;
    }
    for (auto& limit : cgroup_memory_limits(facts.root)) {
        if (limit.source.value) result.usable = std::min(result.usable, limit.limit);
        sources.push_back(std::move(limit.source));
    }
    for (auto& source : slurm_memory_sources(facts)) {
        // Beyond 2^53 a double is not exact, but far beyond any machine's memory then.
        if (source.value && *source.value < 0x1p63) {
            result.usable = std::min(result.usable, static_cast<std::uint64_t>(*source.value));
        }
        sources.push_back(std::move(source));
    }
    if (auto addresses = address_space_limit(facts.root)) sources.push_back(std::move(*addresses));
    decide(sources);
    return result;
}

std::uint64_t available_memory(const ResourceFacts& facts) {
    auto available = meminfo(facts.root, "MemAvailable");
    // Linux before 3.14 has no MemAvailable; what is free is a lower bound of it.
    if (!available) available = meminfo(facts.root, "MemFree");
    auto result = available.value_or(UINT64_MAX);
    for (const auto& limit : cgroup_memory_limits(facts.root)) {
        if (limit.source.value) result = std::min(result, limit.headroom);
    }
    return result;
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

}  // namespace haid::system
