#include "nodes/node_environment.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace haid::nodes {
namespace {

// What Slurm, its plugins and a centre's prologue say about one node. sbatch(1), srun(1): output environment variables.
constexpr std::array<std::string_view, 14> of_this_node = {"SLURMD_NODENAME",
                                                           "SLURM_NODEID",
                                                           "SLURM_CPUS_ON_NODE",
                                                           "SLURM_TOPOLOGY_ADDR",
                                                           "SLURM_JOB_GPUS",
                                                           "SLURM_GPUS_ON_NODE",
                                                           "CUDA_VISIBLE_DEVICES",
                                                           "ROCR_VISIBLE_DEVICES",
                                                           "GPU_DEVICE_ORDINAL",
                                                           "ZE_AFFINITY_MASK",
                                                           "TMPDIR",
                                                           "TMP",
                                                           "TEMP",
                                                           "SLURM_LAUNCH_NODE_IPADDR"};

std::string_view name_of(std::string_view entry) {
    return entry.substr(0, entry.find('='));
}

}  // namespace

const std::vector<std::string_view>& not_for_srun() {
    static const std::vector<std::string_view> names = {
        "SLURM_NTASKS",        "SLURM_NPROCS",         "SLURM_NTASKS_PER_NODE", "SLURM_CPUS_PER_TASK",
        "SRUN_CPUS_PER_TASK",  "SLURM_TASKS_PER_NODE", "SLURM_CPU_BIND",        "SLURM_CPU_BIND_TYPE",
        "SLURM_CPU_BIND_LIST", "SLURM_MEM_PER_NODE",   "SLURM_MEM_PER_CPU",     "SLURM_DISTRIBUTION",
        "SLURM_GPUS_PER_TASK"};
    return names;
}

void use_environment(std::vector<std::string> coordinators, const std::string& node) {
    static std::vector<std::string> entries;
    std::vector<std::string> own;
    for (std::string_view name : of_this_node) {
        const char* value = ::getenv(std::string(name).c_str());
        if (value != nullptr) own.push_back(std::string(name) + "=" + value);
    }
    std::erase_if(coordinators, [&](const std::string& entry) {
        return std::any_of(own.begin(), own.end(), [&](const std::string& o) { return name_of(o) == name_of(entry); });
    });
    for (std::string& entry : coordinators) {
        if (name_of(entry) == "HOSTNAME") entry = "HOSTNAME=" + node;
    }
    entries = std::move(coordinators);
    entries.insert(entries.end(), own.begin(), own.end());
    ::clearenv();
    for (std::string& entry : entries) ::putenv(entry.data());
}

}  // namespace haid::nodes
