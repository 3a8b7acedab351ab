#include "system/slurm_environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <stdexcept>

#include "system/text.hpp"

namespace haid::system {

namespace {

// What a text may expand to. slurm.h: MAX_SLURM_NODES 65536; hostlist.c: MAX_RANGES 256 * 1024. A damaged text
// must not take all memory.
constexpr std::size_t most_nodes = 256 * 1024;
constexpr std::size_t longest_name = 255;  // RFC 1035

constexpr std::uint64_t last_normal_step = 0xfffffff0;  // slurm.h: SLURM_MAX_NORMAL_STEP_ID
constexpr std::uint64_t mebibyte = 1024 * 1024;

std::optional<std::string> variable(const ResourceFacts& facts, std::string_view name) {
    return facts.environment ? facts.environment(name) : std::nullopt;
}

std::optional<int> count_from(std::string_view text) {
    auto number = parse_whole_number(text);
    if (!number || *number < 1 || *number > INT_MAX) return {};
    return static_cast<int>(*number);
}

// Splits at commas outside of brackets, checks the brackets.
std::vector<std::string_view> split_node_list(std::string_view text) {
    auto refuse = [&](const char* why) {
        throw std::invalid_argument(fmt::format("not a Slurm node list: \"{}\": {}", text, why));
    };
    std::vector<std::string_view> parts;
    bool bracket = false;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        char c = i < text.size() ? text[i] : ',';
        if (c == '[' || c == ']') {
            if (bracket == (c == '[')) refuse("brackets do not match");
            bracket = c == '[';
        } else if (i == text.size() && bracket) {
            refuse("brackets do not match");
        } else if (c == ',' && !bracket) {
            if (i == start) refuse("a name is empty");
            parts.push_back(text.substr(start, i - start));
            start = i + 1;
        }
    }
    return parts;
}

// The inside of one bracket: "1-3,07-09" -> "1", "2", "3", "07", "08", "09". None where it is not understood.
std::optional<std::vector<std::string>> expand_ranges(std::string_view text) {
    std::vector<std::string> numbers;
    for (auto range : split(text, ',')) {
        auto dash = range.find('-');
        auto first_text = range.substr(0, dash);
        auto first = parse_whole_number(first_text);
        auto last = dash == range.npos ? first : parse_whole_number(range.substr(dash + 1));
        if (!first || !last || *last < *first || first_text.size() > longest_name) return {};
        if (*last - *first >= most_nodes - numbers.size()) return {};
        for (std::uint64_t i = 0; i <= *last - *first; ++i) {
            numbers.push_back(fmt::format("{:0{}}", *first + i, first_text.size()));
        }
    }
    return numbers;
}

struct NodeEntry {
    int cpus;
    std::string reason;
};

NodeEntry entry_of_this_node(const ResourceFacts& facts, const std::vector<int>& entries) {
    std::vector<std::string> nodes;
    try {
        nodes = expand_node_list(variable(facts, "SLURM_JOB_NODELIST").value_or(""));
    } catch (const std::invalid_argument&) {
        nodes.clear();  // as if it were unset: the other ways to find the node remain
    }
    auto host = facts.host_name ? facts.host_name() : std::string();
    for (const auto& name : {variable(facts, "SLURMD_NODENAME").value_or(""), host, host.substr(0, host.find('.'))}) {
        auto found = std::find(nodes.begin(), nodes.end(), name);
        auto index = static_cast<std::size_t>(found - nodes.begin());
        if (found != nodes.end() && index < entries.size()) return {entries[index], fmt::format("node {}", name)};
    }
    auto index = parse_whole_number(variable(facts, "SLURM_NODEID").value_or(""));
    if (index && *index < entries.size()) return {entries[*index], fmt::format("SLURM_NODEID={}", *index)};
    return {*std::min_element(entries.begin(), entries.end()), "this node is not in the node list: the smallest entry"};
}

void add_node_entry(const ResourceFacts& facts, std::vector<ResourceSource>& sources) {
    constexpr auto name = "SLURM_JOB_CPUS_PER_NODE";
    auto text = variable(facts, name);
    if (!text) return;
    try {
        auto [cpus, reason] = entry_of_this_node(facts, parse_cpus_per_node(*text));
        sources.push_back({name, fmt::format("{}={} ({})", name, *text, reason), static_cast<double>(cpus)});
    } catch (const std::invalid_argument& error) {
        sources.push_back({name, fmt::format("ignored: {}", error.what()), {}});
    }
}

void add_cpus_per_task(const ResourceFacts& facts, std::vector<ResourceSource>& sources) {
    auto source = count_variable(facts, "SLURM_CPUS_PER_TASK");
    if (!source) return;
    if (source->value && !in_task_of_slurm_step(facts)) {
        auto tasks_name = variable(facts, "SLURM_NTASKS") ? "SLURM_NTASKS" : "SLURM_NTASKS_PER_NODE";
        auto tasks = count_from(variable(facts, tasks_name).value_or("")).value_or(1);
        if (tasks > 1) {
            source->limits = false;
            source->detail += fmt::format(" (sizes one task; this is no task of a step, and {}={})", tasks_name, tasks);
        }
    }
    sources.push_back(std::move(*source));
}

void add_task_share(const ResourceFacts& facts, std::vector<ResourceSource>& sources) {
    auto cpus = count_from(variable(facts, "SLURM_CPUS_ON_NODE").value_or(""));
    auto task_list = variable(facts, "SLURM_GTIDS");
    if (!in_task_of_slurm_step(facts) || !cpus || !task_list) return;
    auto tasks = split(*task_list, ',');
    bool understood =
        std::all_of(tasks.begin(), tasks.end(), [](auto task) { return parse_whole_number(task).has_value(); });
    if (!understood || tasks.size() < 2) return;
    auto share = std::max<std::size_t>(1, static_cast<std::size_t>(*cpus) / tasks.size());
    sources.push_back(
        {"Slurm task share",
         fmt::format("SLURM_CPUS_ON_NODE={} for the {} tasks of this step on this node", *cpus, tasks.size()),
         static_cast<double>(share)});
}

// A variable in MiB, `times` a count. 0 stands for all memory of the node (sbatch(1), --mem).
void add_memory(const ResourceFacts& facts, const char* name, std::uint64_t times, const std::string& explanation,
                std::vector<ResourceSource>& sources) {
    auto text = variable(facts, name);
    if (!text) return;
    auto size = parse_whole_number(*text);
    if (!size || *size > UINT64_MAX / mebibyte / times) {
        sources.push_back({name, fmt::format("{}=\"{}\" is ignored: not a whole number of MiB", name, *text), {}});
    } else if (*size == 0) {
        sources.push_back({name, fmt::format("{}=0: no limit", name), {}});
    } else {
        sources.push_back({name, fmt::format("{}={} MiB{}", name, *size, explanation),
                           static_cast<double>(*size * mebibyte * times)});
    }
}

}  // namespace

bool in_slurm_job(const ResourceFacts& facts) {
    return !variable(facts, "SLURM_JOB_ID").value_or("").empty();
}

bool in_task_of_slurm_step(const ResourceFacts& facts) {
    auto step = parse_whole_number(variable(facts, "SLURM_STEP_ID").value_or(""));
    return step && *step <= last_normal_step && variable(facts, "SLURM_PROCID");
}

std::vector<int> parse_cpus_per_node(std::string_view text) {
    auto refuse = [&](std::string_view entry) {
        throw std::invalid_argument(
            fmt::format("not CPUs per node, like 24(x2),8: \"{}\": \"{}\" is not understood", text, entry));
    };
    std::vector<int> entries;
    for (auto entry : split(text, ',')) {
        auto bracket = entry.find("(x");
        auto cpus = count_from(entry.substr(0, bracket));
        std::optional<int> times = 1;
        if (bracket != entry.npos) {
            auto repetition = entry.substr(bracket + 2);
            times = repetition.ends_with(')') ? count_from(repetition.substr(0, repetition.size() - 1)) : std::nullopt;
        }
        if (!cpus || !times || static_cast<std::size_t>(*times) > most_nodes - entries.size()) refuse(entry);
        entries.insert(entries.end(), static_cast<std::size_t>(*times), *cpus);
    }
    return entries;
}

std::vector<std::string> expand_node_list(std::string_view text) {
    auto refuse = [&](const char* why) {
        throw std::invalid_argument(fmt::format("not a Slurm node list: \"{}\": {}", text, why));
    };
    std::vector<std::string> nodes;
    for (auto part : split_node_list(text)) {
        std::vector<std::string> names = {""};
        while (!part.empty()) {
            auto open = part.find('[');
            for (auto& name : names) name += part.substr(0, open);
            if (names.front().size() > longest_name) refuse("a name is too long");
            if (open == part.npos) break;
            auto close = part.find(']');
            auto numbers = expand_ranges(part.substr(open + 1, close - open - 1));
            if (!numbers) refuse("a range in brackets is not understood");
            if (numbers->size() > most_nodes / names.size()) refuse("too many nodes");
            std::vector<std::string> longer;
            for (const auto& name : names) {
                for (const auto& number : *numbers) longer.push_back(name + number);
            }
            names = std::move(longer);
            part.remove_prefix(close + 1);
        }
        if (names.size() > most_nodes - nodes.size()) refuse("too many nodes");
        nodes.insert(nodes.end(), names.begin(), names.end());
    }
    return nodes;
}

std::optional<ResourceSource> count_variable(const ResourceFacts& facts, const char* name) {
    auto text = variable(facts, name);
    if (!text) return {};
    if (auto count = count_from(*text)) {
        return ResourceSource{name, fmt::format("{}={}", name, *count), static_cast<double>(*count)};
    }
    return ResourceSource{name, fmt::format("{}=\"{}\" is ignored: not a whole number above 0", name, *text), {}};
}

std::vector<ResourceSource> slurm_cpu_sources(const ResourceFacts& facts) {
    std::vector<ResourceSource> sources;
    if (!in_slurm_job(facts)) return sources;
    if (auto source = count_variable(facts, "SLURM_CPUS_ON_NODE")) sources.push_back(std::move(*source));
    add_node_entry(facts, sources);
    add_cpus_per_task(facts, sources);
    add_task_share(facts, sources);
    return sources;
}

std::vector<ResourceSource> slurm_memory_sources(const ResourceFacts& facts) {
    std::vector<ResourceSource> sources;
    if (!in_slurm_job(facts)) return sources;
    add_memory(facts, "SLURM_MEM_PER_NODE", 1, "", sources);
    // The CPUs that Slurm counts memory by are those it gave on this node, whatever else limits them.
    std::vector<ResourceSource> cpus;
    if (auto source = count_variable(facts, "SLURM_CPUS_ON_NODE")) cpus.push_back(std::move(*source));
    add_node_entry(facts, cpus);
    auto given = std::find_if(cpus.begin(), cpus.end(), [](const auto& source) { return source.value.has_value(); });
    if (given != cpus.end()) {
        add_memory(facts, "SLURM_MEM_PER_CPU", static_cast<std::uint64_t>(*given->value),
                   fmt::format(" for each of {} CPUs", *given->value), sources);
    } else if (variable(facts, "SLURM_MEM_PER_CPU")) {
        sources.push_back({"SLURM_MEM_PER_CPU",
                           "ignored: neither SLURM_CPUS_ON_NODE nor SLURM_JOB_CPUS_PER_NODE tells "
                           "for how many CPUs",
                           {}});
    }
    return sources;
}

}  // namespace haid::system
