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

// srun(1), input environment variables: what a job or its user has said about steps. Tried one by one on Slurm 22.05,
// with five shapes of jobs. Those of what the job has (its GPUs, for one) stay: a step has all of that anyway.
constexpr std::array for_other_steps = std::to_array<std::string_view>({
    // how many tasks, and where
    "SLURM_NTASKS",
    "SLURM_NPROCS",
    "SLURM_NTASKS_PER_NODE",
    "SLURM_TASKS_PER_NODE",
    "SLURM_NTASKS_PER_CORE",
    "SLURM_NTASKS_PER_SOCKET",
    "SLURM_NTASKS_PER_GPU",
    "SLURM_NTASKS_PER_TRES",
    "SLURM_DISTRIBUTION",
    "SLURM_HOSTFILE",
    "SLURM_CONSTRAINT",
    "SLURM_SPREAD_JOB",
    "SLURM_USE_MIN_NODES",
    "SLURM_REQ_SWITCH",
    "SLURM_CLUSTERS",
    // what each has
    "SLURM_CPUS_PER_TASK",
    "SRUN_CPUS_PER_TASK",
    "SLURM_GPUS_PER_TASK",
    "SLURM_MEM_PER_NODE",
    "SLURM_MEM_PER_CPU",
    "SLURM_MEM_PER_GPU",
    "SLURM_THREADS_PER_CORE",
    "SLURM_HINT",
    "SLURM_CORE_SPEC",
    "SLURM_THREAD_SPEC",
    "SLURM_EXCLUSIVE",
    "SLURM_EXACT",
    "SLURM_OVERCOMMIT",
    "SLURM_RESV_PORTS",
    // how it is bound, and what is said of that
    "SLURM_CPU_BIND",
    "SLURM_CPU_BIND_TYPE",
    "SLURM_CPU_BIND_LIST",
    "SLURM_CPU_BIND_VERBOSE",
    "SLURM_MEM_BIND",
    "SLURM_MEM_BIND_TYPE",
    "SLURM_MEM_BIND_LIST",
    "SLURM_MEM_BIND_VERBOSE",
    "SLURM_GPU_BIND",
    // how it runs and ends, and where its words go
    "SLURM_DEBUG",
    "SLURM_LABELIO",
    "SLURM_UNBUFFEREDIO",
    "SLURM_STDINMODE",
    "SLURM_STDOUTMODE",
    "SLURM_STDERRMODE",
    "SLURM_PROLOG",
    "SLURM_EPILOG",
    "SLURM_TASK_PROLOG",
    "SLURM_TASK_EPILOG",
    "SLURM_MULTI_PROG",
    "SLURM_BCAST",
    "SLURM_SEND_LIBS",
    "SLURM_TIMELIMIT",
    "SLURM_WAIT",
    "SLURM_KILL_BAD_EXIT",
    "SLURM_EXIT_IMMEDIATE",
});

std::string_view name_of(std::string_view entry) {
    return entry.substr(0, entry.find('='));
}

}  // namespace

bool is_for_srun(std::string_view entry) {
    const std::string_view name = name_of(entry);
    return std::find(for_other_steps.begin(), for_other_steps.end(), name) == for_other_steps.end();
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
