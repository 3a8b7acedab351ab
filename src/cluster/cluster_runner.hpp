// Runs jobs on the nodes of an allocation: the coordinator.
//
// One launcher (srun) starts an agent on each node. Agents call back, prove that they know the run's secret, get what
// they need to know, and then take jobs, as many at a time as their node has slots; a run's slot is no place on a
// certain node. Invariants: a job runs on one node at a time. An agent may run jobs as long as its lease lasts, which
// is counted from when it sent the last sign of life that was answered; the coordinator counts from when that came,
// which is later, and some seconds more. So a job whose node is silent is given elsewhere only when it has been ended
// there. Not thread-safe.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/connection.hpp"
#include "cluster/launch.hpp"
#include "cluster/messages.hpp"
#include "cluster/secret.hpp"
#include "cluster/settings.hpp"
#include "command/runner.hpp"
#include "command/settings.hpp"
#include "system/timer.hpp"

namespace haid::cluster {

class ClusterRunner : public command::Runner {
  public:
    // Starts the agents. Throws SystemError.
    ClusterRunner(const command::RunSettings& settings, const command::RunnerContext& context,
                  const ClusterSettings& cluster);
    ~ClusterRunner() override;

    // Those of the nodes that have answered.
    std::optional<std::uint64_t> slots() const override { return slots_; }
    Started start(const command::Job& job) override;
    bool keeps_results() const override { return true; }
    void signal(std::span<const std::uint64_t> slots, int number) override;
    void pause_output(bool paused) override;
    void discard_output() override;
    void reap() override;
    void signal_groups(int number) override;
    void finish() override;

  private:
    class Link;
    struct Written {  // by a job that runs, and not streamed
        system::Spool output;
        system::Spool error;
    };
    struct Node {
        std::string name;
        enum class State {
            awaited,  // its agent has not called yet
            welcome,  // and been told what to be
            ready,
            cut,   // its jobs may still run, until `heard` is long ago
            gone,  // nothing runs there
        } state = State::awaited;
        Link* link = nullptr;
        std::uint64_t slots = 0;
        system::Time heard{};
        std::unordered_map<std::uint64_t, Written> running;  // by slot
        std::uint64_t owed_credit = 0;
    };
    class Reception;

    void accept();
    void take(Link& link, OfAgent&& message);
    void take(Node& node, const Ready& ready);
    void take(Node& node, Output& output);
    void take(Node& node, const Ended& ended);
    void take(Node& node, const StoppedByTerminal& stopped);
    void take(Node& node, const Leaving& leaving);
    void take(Node& node, const Beat& beat);
    void take(Node&, const Hello&) {}  // see greet()
    void greet(Link& link, const Hello& hello);
    void closed(Link& link, const std::string& reason);
    void cut(Node& node, const std::string& reason);
    void lose(Node& node, const std::string& reason);
    void count_slots();
    void tick();
    void expect_somebody();
    void give_credit(Node& node);
    std::string names_of(Node::State state) const;
    void send_all(const OfCoordinator& message);

    command::RunnerContext context_;
    command::Runner::Listener& listener_;
    bool streamed_;
    Welcome welcome_;
    Secret secret_;
    SecretFile secret_file_;
    std::vector<Node> nodes_;
    std::unordered_map<std::uint64_t, Node*> by_slot_;
    std::list<Link> links_;
    std::unique_ptr<Reception> reception_;
    std::unique_ptr<Launch> launch_;
    std::optional<system::Ticker> ticker_;
    system::Time started_;
    std::uint64_t slots_ = 0;
    bool told_of_silence_ = false;
    bool paused_ = false;
    bool discarding_ = false;
    bool finishing_ = false;
};

}  // namespace haid::cluster
