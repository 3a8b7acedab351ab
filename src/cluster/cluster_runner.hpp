// Runs jobs on the nodes of an allocation: the coordinator.
//
// One launcher (srun) starts an agent on each node. Agents call back (nodes/roster.hpp), get what they need to know,
// and then take jobs, as many at a time as their node has slots; a run's slot is no place on a certain node. A job runs
// on one node at a time: it is given elsewhere only when it has been ended where it was. Not thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/messages.hpp"
#include "cluster/settings.hpp"
#include "command/runner.hpp"
#include "command/settings.hpp"
#include "nodes/launcher.hpp"
#include "nodes/roster.hpp"
#include "schedule/trust.hpp"
#include "system/timer.hpp"

namespace haid::cluster {

class ClusterRunner : public command::Runner, private nodes::Roster::Listener {
  public:
    // Starts the agents. Throws SystemError.
    ClusterRunner(const command::RunSettings& settings, const command::RunnerContext& context,
                  const ClusterSettings& cluster);
    ~ClusterRunner() override;

    // Those of the nodes that have answered.
    std::optional<std::uint64_t> slots() const override { return slots_; }
    void set_jobs(const std::string& jobs) override;
    Started start(const command::Job& job) override;
    void signal(std::span<const std::uint64_t> slots, int number) override;
    void pause_output(bool paused) override;
    void discard_output() override;
    void reap() override;
    void signal_groups(int number) override;
    void finish() override;

  private:
    using Node = nodes::Roster::Node;

    struct Written {  // by a job that runs, and not streamed
        system::Spool output;
        system::Spool error;
        bool signalled = false;  // its end is not its own
    };
    // What is known of a node besides its agent's being there.
    struct Place {
        bool ready = false;
        std::uint64_t slots = 0;
        std::unordered_map<std::uint64_t, Written> running;  // by slot
        std::uint64_t owed_credit = 0;
        std::optional<system::Time> told_to_end;  // its agent was, and has left; what ran there is still to be told
    };

    void on_called(Node& node) override;
    void on_message(Node& node, Decoder& from) override;
    bool is_busy(const Node& node) const override { return !place(node).running.empty(); }
    void on_cut(Node& node) override;
    void on_missed(Node& node, const std::string& reason, std::chrono::seconds left) override;
    void on_lost(Node& node, const std::string& reason) override;
    void on_news(const std::string& text) override { listener_.on_news(text); }

    Place& place(const Node& node) { return places_[node.index()]; }
    const Place& place(const Node& node) const { return places_[node.index()]; }
    void take(Node& node, const Ready& ready);
    void take(Node& node, Output& output);
    void take(Node& node, const Ended& ended);
    void take(Node& node, const StoppedByTerminal& stopped);
    void take(Node& node, const ShortMemory& shortage);
    void take(Node& node, const News& news);
    void take(Node& node, const Leaving& leaving);
    // The roster's.
    void take(Node&, const nodes::Hello&) {}
    void take(Node&, const nodes::Beat&) {}
    // Jobs that may run there at a time, for new ones: what the node allows, as far as it is trusted.
    std::uint64_t open_slots(const Node& node) const;
    void count_slots();
    void judge(const Node& node, bool succeeded);
    void tell_trust(const Node& node);
    void tick();
    void expect_somebody();
    void give_up(Node& node, const std::string& reason);
    void conclude_told_to_end();
    static bool is_ending(const std::unordered_map<std::uint64_t, Written>& running);
    void give_credit(Node& node);
    void send_all(const OfCoordinator& message) { roster_.send_all(message); }

    command::RunnerContext context_;
    command::Runner::Listener& listener_;
    bool streamed_;
    Welcome welcome_;
    std::vector<Place> places_;
    std::unordered_map<std::uint64_t, Node*> by_slot_;
    schedule::Trust trust_;
    nodes::Roster roster_;
    nodes::Launcher launcher_;
    std::optional<system::Ticker> ticker_;
    std::uint64_t slots_ = 0;
    bool any_called_ = false;
    bool paused_ = false;
    bool discarding_ = false;
    bool finishing_ = false;
};

}  // namespace haid::cluster
