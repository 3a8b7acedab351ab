// How many CPUs and how much memory this process may use, and which source decided.
//
// The answer is the smallest of what every source allows: the affinity mask, the machine, the quotas of the
// cgroups that this process is in, what Slurm gave, and an inherited budget (HAID_CPUS). Every source that
// exists is listed with its value, also those that did not decide and those that were ignored, with the reason.
//
// Nothing here throws for what it finds on the machine or in the environment: a file that is missing or
// unreadable is no source, a variable that cannot be understood is listed as ignored. Thread-safe as far as
// `environment` is. All functions read afresh at each call: quotas and masks change while a process runs.
//
// Fractional quotas. A quota of 1.5 CPUs counts as 2: one job at a time would leave a third of the quota unused
// for good, while two use all of it and are throttled for part of each period. loky, OpenJDK (ceilf(quota /
// period)) and Go 1.25 round up as well; Go's minimum of 2 is not followed: what was given is 1.
//
// Slurm's variables count only inside a job (SLURM_JOB_ID set):
// - SLURM_CPUS_ON_NODE limits always.
// - SLURM_JOB_CPUS_PER_NODE limits with the entry of this node: the one at the position of SLURMD_NODENAME, or
//   else of the host name, in SLURM_JOB_NODELIST; else at SLURM_NODEID where that is inside the list (it comes
//   second because a step counts its own nodes); else the smallest.
// - SLURM_CPUS_PER_TASK sizes a task. It limits in a task of a step, and in the batch script (or the shell of
//   salloc) of a job of one task, for there the script is the task. In the batch script of a job of several
//   tasks (SLURM_NTASKS above 1, or SLURM_NTASKS_PER_NODE where that is unset) a program stands for the whole
//   allocation: the value is shown and does not limit.
// - In a task of a step, the task's share limits: SLURM_CPUS_ON_NODE, which is what the whole step has there,
//   divided by the tasks that the step has on this node (SLURM_GTIDS), rounded down. It is what remains to tell
//   the truth under task/none where --cpus-per-task was not given to srun: SLURM_CPUS_PER_TASK is unset then,
//   or left over from the batch script (srun has not obeyed that since 22.05).
// A task of a step is told by SLURM_PROCID together with a SLURM_STEP_ID of at most 0xfffffff0, the last normal
// step in slurm.h. A batch script has SLURM_PROCID=0 too, but no SLURM_STEP_ID, or -5 in Slurm after 25.05; the
// shell of an interactive salloc has 4294967290 or -6. Known gap: a job submitted from within a step inherits
// that step's SLURM_STEP_ID (sbatch exports it, and up to 25.05 nothing overwrites it), so that its batch
// script is taken for a task.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace haid::system {

// Where the facts are read from. Functions that are empty count as "not known".
struct ResourceFacts {
    std::string root;  // prefix of /proc and /sys; "" for the real machine
    std::function<std::optional<std::string>(std::string_view)> environment;  // like getenv
    std::function<int()> affinity;           // CPUs that the calling thread may run on (cpusets included); 0: not known
    std::function<std::string()> host_name;  // finds this node in a Slurm node list

    static ResourceFacts of_this_process();
};

struct ResourceSource {
    std::string name;             // "cgroup v2 quota"
    std::string detail;           // "/sys/fs/cgroup/user.slice/cpu.max: 150000 100000"
    std::optional<double> value;  // CPUs, or bytes; none: no limit, or ignored (`detail` says which)
    bool limits = true;           // false: for information only
    bool decided = false;         // the first of the sources with the smallest value; at most one
};

struct CpuResources {
    int usable = 1;  // at least 1
    std::vector<ResourceSource> sources;
};

// What the machine's online CPUs are, whoever may use them. 1 <= sockets <= cores <= threads.
struct CpuTopology {
    int sockets = 1, cores = 1, threads = 1;
};

struct MemoryResources {
    std::uint64_t usable = UINT64_MAX;  // bytes; UINT64_MAX where nothing is known
    std::vector<ResourceSource> sources;
};

CpuResources cpu_resources(const ResourceFacts& facts);

// Apart from cpu_resources, which every start needs: reads four files for each CPU, some 10 us each (2-core
// virtual machine, Linux 6.18), so some 10 ms on a node of 256.
CpuTopology cpu_topology(const ResourceFacts& facts);

// Sources: the machine's memory; cgroup limits (memory.max, memory.high; v1: memory.limit_in_bytes) of this
// process's cgroup and all above it; SLURM_MEM_PER_NODE; SLURM_MEM_PER_CPU times the CPUs on this node;
// RLIMIT_AS for information, since it bounds addresses, not memory, and each process by itself.
MemoryResources memory_resources(const ResourceFacts& facts);

// Bytes that could be taken right now: the smallest of MemAvailable and, for each cgroup limit up the tree,
// what is left below it (limit - usage + inactive file cache, which the kernel gives back before it refuses).
// Slurm's variables are not in it: they tell what was given, not what is left. UINT64_MAX where nothing is
// known.
std::uint64_t available_memory(const ResourceFacts& facts);

// Of this machine, as gethostname(2) has it; empty where it has none.
std::string host_name();

// As people read it: "1.5 GiB".
std::string show_bytes(double bytes);

// SLURM_JOB_CPUS_PER_NODE: "24(x2),8" -> {24, 24, 8}. Throws std::invalid_argument naming the text.
std::vector<int> parse_cpus_per_node(std::string_view text);

// SLURM_JOB_NODELIST: "n[1-3,07-09],m5,rack[1-2]node[1-2]" -> the names in order, leading zeros kept, the last
// bracket running fastest. Throws std::invalid_argument naming the text.
std::vector<std::string> expand_node_list(std::string_view text);

}  // namespace haid::system
