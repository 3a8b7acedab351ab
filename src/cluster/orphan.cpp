#include "cluster/orphan.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "nodes/own_job.hpp"
#include "system/tell.hpp"

namespace haid::cluster {
namespace {

constexpr std::chrono::seconds first_look{5};
constexpr std::chrono::seconds for_each_node_before{2};
constexpr std::chrono::seconds looks_apart{30};
// Slurm notices a lost node after SlurmdTimeout, 300 s unless a centre says otherwise.
constexpr int most_looks = 20;
constexpr int most_failures = 3;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

}  // namespace

void free_allocation_if_lost(const std::string& node, bool requeue_it,
                             const std::function<bool(std::chrono::seconds)>& wait) {
    const std::string index = variable("SLURM_NODEID");
    int before = 0;
    std::from_chars(index.data(), index.data() + index.size(), before);
    if (!wait(first_look + before * for_each_node_before)) return;
    int failures = 0;
    for (int look = 0; look < most_looks && failures < most_failures; ++look) {
        const std::string batch = nodes::look_at_own_job().job.batch_node;
        if (batch == node) return;
        const std::string state = batch.empty() ? "" : nodes::state_of_node(batch);
        if (state.starts_with("down")) {
            system::tell("haid: agent on {}: node {}, where the batch script ran, is lost: the job is {}\n", node,
                         batch, requeue_it ? "put back into the queue" : "cancelled");
            requeue_it ? nodes::requeue_own_job() : nodes::cancel_own_job();
            return;
        }
        failures = state.empty() ? failures + 1 : 0;
        if (!wait(looks_apart)) return;
    }
}

}  // namespace haid::cluster
