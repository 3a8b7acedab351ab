#include "nodes.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "cluster/cluster_runner.hpp"
#include "cluster/job_end.hpp"
#include "command/jobs_number.hpp"
#include "command/local_runner.hpp"
#include "nodes/allocation.hpp"
#include "nodes/calling.hpp"
#include "nodes/own_job.hpp"
#include "system/resources.hpp"
#include "system/slurm_environment.hpp"
#include "system/tell.hpp"

namespace haid::cli {
namespace {

std::uint64_t jobs_at_a_time(const command::RunSettings& run, int cpus) {
    return command::jobs_at_a_time(run.jobs, run.cpus_per_job, cpus);
}

// What concerns other nodes alone is said with the way to do without them.
template <class Do>
auto or_local(Do what) {
    try {
        return what();
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(fmt::format("{}; --nodes local keeps to this node", error.what()));
    }
}

// The allocation that the run is to fill; nullopt: this machine.
std::optional<nodes::Allocation> allocation_for(const CommandLine& line, const Personality& who,
                                                const system::ResourceFacts& facts) {
    using Nodes = CommandLine::Nodes;
    const bool wanted = line.nodes == Nodes::slurm;
    if (line.nodes == Nodes::local || (who.is_parallel && !wanted)) return std::nullopt;
    auto allocation = or_local([&] { return nodes::find_allocation(facts); });
    if (!allocation && wanted) throw UsageError("--nodes slurm: this is no Slurm job (SLURM_JOB_ID is not set)");
    if (!allocation || line.run.dry_run) return std::nullopt;
    if (wanted) return allocation;
    return nodes::has_other_nodes(*allocation, facts) && nodes::why_on_one_node(facts).empty() ? allocation
                                                                                               : std::nullopt;
}

// So that jobs which cannot end in time are left for another run.
void close_in_time(CommandLine& line, const Personality& who, const system::ResourceFacts& facts,
                   const std::optional<nodes::OwnJobSeen>& seen) {
    command::RunSettings& run = line.run;
    const cluster::EndSeen end = cluster::end_of_job(facts, seen);
    if (!end.fault.empty() && (line.until_done || run.policy.closing.per_job)) {
        system::tell("{}: it is not known when this Slurm job ends, so jobs start until it does: {}\n", who.name,
                     end.fault);
    }
    if (!end.at) return;
    const auto left = *end.at - std::chrono::system_clock::now();
    run.policy.closing.at = system::Clock::now() + std::chrono::duration_cast<system::Duration>(left);
}

}  // namespace

command::MakeRunner runner_on(CommandLine& line, const Personality& who) {
    command::RunSettings& run = line.run;
    const auto facts = system::ResourceFacts::of_this_process();
    auto allocation = allocation_for(line, who, facts);
    if (line.nodes != CommandLine::Nodes::local && !who.is_parallel && nodes::why_on_one_node(facts).empty()) {
        const std::string left_out = nodes::components_left_out(facts);
        if (!left_out.empty()) system::tell("{}: {}\n", who.name, left_out);
    }
    std::optional<nodes::OwnJobSeen> seen;
    if (allocation && allocation->nodes.size() > 1) {
        seen = nodes::look_at_own_job();
        nodes::leave_out_lost_nodes(*allocation, *seen);
    }
    // A task of a step does not ask the controller: there may be thousands.
    if (!who.is_parallel && !run.dry_run && nodes::why_on_one_node(facts).empty())
        close_in_time(line, who, facts, seen);
    if (!allocation) {
        if (!who.is_parallel && system::in_slurm_job(facts)) run.host = nodes::this_node();
        run.policy.slots = jobs_at_a_time(run, run.usable_cpus);
        return [](const command::RunSettings& settings, const command::RunnerContext& context) {
            return std::make_unique<command::LocalRunner>(settings, context);
        };
    }
    run.policy.slots = 0;
    for (std::size_t node = 0; node < allocation->nodes.size(); ++node) {
        run.policy.slots += jobs_at_a_time(run, allocation->cpus.empty() ? run.usable_cpus : allocation->cpus[node]);
    }
    const cluster::ClusterSettings cluster{or_local([&] { return nodes::start_with_srun(*allocation, "/"); }),
                                           std::filesystem::read_symlink("/proc/self/exe").string(), line.until_done};
    return [cluster](const command::RunSettings& settings, const command::RunnerContext& context) {
        return std::make_unique<cluster::ClusterRunner>(settings, context, cluster);
    };
}

void run_again_later(std::uint64_t done, const Personality& who) {
    if (done == 0) {
        system::tell("{}: not requeued: no job could end in the time of this Slurm job, nor would it next time\n",
                     who.name);
        return;
    }
    const std::string refused = nodes::requeue_own_job();
    if (refused.empty()) {
        system::tell(
            "{}: requeued: this Slurm job goes back into the queue, and goes on from the job log ({} job(s) "
            "have ended this time)\n",
            who.name, done);
    } else {
        system::tell("{}: error: cannot requeue this Slurm job: {}\n", who.name, refused);
    }
}

}  // namespace haid::cli
