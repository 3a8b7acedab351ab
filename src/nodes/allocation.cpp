#include "nodes/allocation.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "nodes/node_environment.hpp"
#include "nodes/slurm_call.hpp"
#include "system/slurm_environment.hpp"

namespace haid::nodes {
namespace {

std::string variable(const system::ResourceFacts& facts, std::string_view name) {
    return facts.environment ? facts.environment(name).value_or("") : "";
}

// What one of Slurm's variables holds, by its parser. Throws std::invalid_argument naming the variable.
template <class Parse>
auto parsed(const system::ResourceFacts& facts, const char* name, Parse parse) {
    try {
        return parse(variable(facts, name));
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(fmt::format("{}: {}", name, error.what()));
    }
}

}  // namespace

std::string run_folder() {
    auto value = [](const char* name) {
        const char* text = std::getenv(name);
        return std::string(text != nullptr ? text : "");
    };
    if (auto folder = value("HAID_RUN_FOLDER"); !folder.empty()) return folder;
    if (auto folder = value("XDG_CACHE_HOME"); folder.starts_with('/')) return folder + "/haid";
    if (auto folder = value("HOME"); folder.starts_with('/')) return folder + "/.cache/haid";
    throw std::invalid_argument("where can all nodes read a file? set HOME, or HAID_RUN_FOLDER");
}

std::vector<std::string> run_folders() {
    const char* named = std::getenv("HAID_RUN_FOLDER");
    if (named != nullptr && *named != '\0') return {named};
    std::vector<std::string> folders;
    std::string fault;
    try {
        folders.push_back(run_folder());
    } catch (const std::invalid_argument& error) {
        fault = error.what();
    }
    std::error_code gone;
    if (auto here = std::filesystem::current_path(gone); !gone) folders.push_back(here.string());
    if (folders.empty()) throw std::invalid_argument(fault);
    return folders;
}

std::optional<Allocation> find_allocation(const system::ResourceFacts& facts) {
    if (!system::in_slurm_job(facts)) return std::nullopt;
    Allocation allocation;
    if (variable(facts, "SLURM_JOB_NODELIST").empty()) {
        const std::string told = variable(facts, "SLURMD_NODENAME");
        allocation.nodes = {told.empty() && facts.host_name ? facts.host_name() : told};
        return allocation;
    }
    allocation.nodes = parsed(facts, "SLURM_JOB_NODELIST", system::expand_node_list);
    if (!variable(facts, "SLURM_JOB_CPUS_PER_NODE").empty()) {
        allocation.cpus = parsed(facts, "SLURM_JOB_CPUS_PER_NODE", system::parse_cpus_per_node);
        allocation.cpus.resize(allocation.nodes.size(), allocation.cpus.back());
    }
    return allocation;
}

bool has_other_nodes(const Allocation& allocation, const system::ResourceFacts& facts) {
    if (allocation.nodes.size() != 1) return allocation.nodes.size() > 1;
    const std::string& node = allocation.nodes.front();
    if (const std::string told = variable(facts, "SLURMD_NODENAME"); !told.empty()) return told != node;
    const std::string host = facts.host_name ? facts.host_name() : "";
    return host != node && host.substr(0, host.find('.')) != node;
}

void leave_out_lost_nodes(Allocation& allocation, const OwnJobSeen& seen) {
    if (!seen.fault.empty() || seen.job.nodes.empty()) return;
    Allocation left;
    for (std::size_t node = 0; node < allocation.nodes.size(); ++node) {
        const auto& has = seen.job.nodes;
        if (std::find(has.begin(), has.end(), allocation.nodes[node]) == has.end()) continue;
        left.nodes.push_back(allocation.nodes[node]);
        if (!allocation.cpus.empty()) left.cpus.push_back(allocation.cpus[node]);
    }
    if (!left.nodes.empty()) allocation = std::move(left);
}

std::string why_on_one_node(const system::ResourceFacts& facts) {
    if (system::in_task_of_slurm_step(facts)) return "this is a task of a step";
    if (!variable(facts, "HAID_CPUS").empty()) return "HAID_CPUS is set: this runs under another haid, or has a budget";
    return "";
}

std::string components_left_out(const system::ResourceFacts& facts) {
    const std::string components = variable(facts, "SLURM_HET_SIZE");
    if (!system::in_slurm_job(facts) || components.empty() || components == "1") return "";
    return fmt::format(
        "this Slurm job is heterogeneous, and of its {} components only the first is used ({}): a job without "
        "components is used whole, and 'srun --het-group=1 …' starts a program on another",
        components, variable(facts, "SLURM_JOB_NODELIST"));
}

LaunchPlan start_with_srun(const Allocation& allocation, const std::string& folder) {
    LaunchPlan plan;
    plan.nodes = allocation.nodes;
    const std::string number = std::to_string(allocation.nodes.size());
    // --overlap: the step takes nothing from steps that jobs start. --no-kill and the like: a node that is lost, or an
    // agent that ends, does not end the others. quiet: a site may have each step print its binding
    // (TaskPluginParam=verbose).
    plan.launcher = {path_of_slurms("srun"), "-N", number, "-n", number, "--quiet"};
    for (const char* option : {"--ntasks-per-node=1", "--overlap", "--cpu-bind=quiet,none", "--mem=0", "--no-kill",
                               "--kill-on-bad-exit=0", "--wait=0", "--input=none", "--export=ALL", "--job-name=haid"}) {
        plan.launcher.emplace_back(option);
    }
    plan.launcher.push_back("--chdir=" + folder);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (is_for_srun(*entry)) plan.environment.emplace_back(*entry);
    }
    plan.run_folders = run_folders();
    return plan;
}

}  // namespace haid::nodes
