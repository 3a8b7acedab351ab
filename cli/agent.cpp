// `haid agent`: what srun starts on each node. Not for people.

#include "cluster/agent.hpp"
#include "nodes/calling.hpp"
#include "verbs.hpp"

namespace haid::cli {
namespace {

constexpr const char* usage = "haid agent --to ADDRESS[,ADDRESS]… --secret FILE; haid starts it by itself";

}  // namespace

int run_agent(const std::vector<std::string>& words, const Personality&) {
    if (words.size() != 4 || words[0] != "--to" || words[2] != "--secret") throw UsageError(usage);
    cluster::AgentSettings settings;
    settings.addresses = nodes::split_addresses(words[1]);
    settings.secret_file = words[3];
    settings.node = nodes::this_node();
    settings.version = HAID_VERSION;
    return cluster::Agent(settings).execute() ? 0 : 1;
}

}  // namespace haid::cli
