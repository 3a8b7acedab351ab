// `haid agent`: what srun starts on each node. Not for people.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "cluster/agent.hpp"
#include "verbs.hpp"

namespace haid::cli {
namespace {

constexpr const char* usage = "haid agent --to ADDRESS[,ADDRESS]… --secret FILE; haid starts it by itself";

std::string this_node() {
    if (const char* name = std::getenv("SLURMD_NODENAME"); name != nullptr && *name != '\0') return name;
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    return host;
}

}  // namespace

int run_agent(const std::vector<std::string>& words, const Personality&) {
    if (words.size() != 4 || words[0] != "--to" || words[2] != "--secret") throw UsageError(usage);
    cluster::AgentSettings settings;
    for (std::size_t begin = 0; begin <= words[1].size();) {
        const std::size_t comma = std::min(words[1].find(',', begin), words[1].size());
        settings.addresses.push_back(words[1].substr(begin, comma - begin));
        begin = comma + 1;
    }
    settings.secret_file = words[3];
    settings.node = this_node();
    settings.version = HAID_VERSION;
    return cluster::Agent(settings).execute() ? 0 : 1;
}

}  // namespace haid::cli
