// What a job costs the coordinator of a run over several nodes: a real run, with agents that only pretend to run jobs.
//
//     coordinator JOBS AGENTS SLOTS     a run; prints its figures
//     coordinator pretend AGENTS SLOTS PROGRAM agent --to ADDRESSES --secret FILE     what it starts in place of srun
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/cluster_runner.hpp"
#include "cluster/messages.hpp"
#include "command/run.hpp"
#include "nodes/connection.hpp"
#include "system/descriptor.hpp"
#include "system/network.hpp"

namespace {

using namespace haid;
using Clock = std::chrono::steady_clock;

std::string name_of(int agent) {
    return fmt::format("node{}", agent);
}

// Says of each job at once that it has ended well.
class Pretender : nodes::Connection::Listener {
  public:
    Pretender(system::EventLoop& loop, const system::Endpoint& coordinator, const nodes::Secret& secret, int number,
              std::uint64_t slots)
        : slots_(slots),
          connection_(loop, system::begin_connecting(coordinator), secret, nodes::Connection::Side::agent, *this) {
        say(nodes::Hello{cluster::protocol_version, "bench", {}, name_of(number), ::getpid()});
    }
    bool done = false;

  private:
    void say(const cluster::OfAgent& message) { connection_.send(message); }
    void on_messages(Decoder& from) override {
        nodes::for_each_message<cluster::OfCoordinator>(from, [this](cluster::OfCoordinator&& message) {
            if (auto* start = std::get_if<cluster::Start>(&message)) {
                say(cluster::Ended{start->slot, 0, 0, 1e9, 0.001, {}, {}});
            } else if (std::holds_alternative<cluster::Welcome>(message)) {
                say(cluster::Ready{slots_, static_cast<int>(slots_)});
            } else if (std::holds_alternative<cluster::Goodbye>(message)) {
                done = true;
            }
            return true;
        });
    }
    void on_closed(const std::string&) override { done = true; }

    std::uint64_t slots_;
    nodes::Connection connection_;
};

int pretend(int agents, std::uint64_t slots, const std::string& address, const std::string& secret_file) {
    system::EventLoop loop;
    const auto secret = nodes::Secret::read(secret_file);
    std::vector<std::unique_ptr<Pretender>> all;
    for (int i = 0; i < agents; ++i) {
        all.push_back(std::make_unique<Pretender>(loop, *system::Endpoint::parse(address), secret, i, slots));
    }
    for (const auto& one : all) {
        while (!one->done) loop.wait(std::nullopt);
    }
    return 0;
}

int run(std::uint64_t jobs, int agents, const std::string& slots) {
    cluster::ClusterSettings nodes;
    for (int i = 0; i < agents; ++i) nodes.launch.nodes.push_back(name_of(i));
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    nodes.launch.launcher = {self, "pretend", std::to_string(agents), slots};
    nodes.launch.environment = {"PATH=/usr/bin:/bin"};
    nodes.program = self;
    nodes.launch.run_folders = {fmt::format("/tmp/haid-bench-{}", ::getpid())};

    command::RunSettings settings;
    settings.shell.path = "/bin/sh";
    settings.command = {"true"};
    std::vector<std::string> inputs;
    for (std::uint64_t i = 1; i <= jobs; ++i) inputs.push_back(std::to_string(i));
    settings.input.sources = {{false, false, std::move(inputs), {}}};
    settings.policy.slots = static_cast<std::uint64_t>(agents) * std::stoull(slots);

    command::Observer nobody;
    command::Run the_run(settings, nobody, [&](const auto& run_settings, const auto& context) {
        return std::make_unique<cluster::ClusterRunner>(run_settings, context, nodes);
    });
    const auto begin = Clock::now();
    const int status = the_run.execute();
    const std::chrono::duration<double> wall = Clock::now() - begin;
    std::filesystem::remove_all(nodes.launch.run_folders.front());
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    const double cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    fmt::print("seconds\t{:.6f}\ncpu\t{:.6f}\npeak_kib\t{}\n", wall.count(), cpu, usage.ru_maxrss);
    return status;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> words(arguments + 1, arguments + count);
    if (words.size() == 9 && words[0] == "pretend") {
        std::string address = words[6];
        // The last one of the addresses is loopback.
        address = address.substr(address.rfind(',') + 1);
        return pretend(std::stoi(words[1]), std::stoull(words[2]), address, words[8]);
    }
    if (words.size() != 3) {
        fmt::print(stderr, "usage: coordinator JOBS AGENTS SLOTS\n");
        return 2;
    }
    return run(std::stoull(words[0]), std::stoi(words[1]), words[2]);
}
