// The coordinator's hand on a node: runs the jobs that it is given as processes of its machine.
//
// It ends what it runs, and itself, as soon as the coordinator is gone: when the connection breaks, or when no sign of
// life was answered for as long as the lease lasts. Not thread-safe.
#pragma once

#include <chrono>
#include <deque>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/messages.hpp"
#include "command/local_runner.hpp"
#include "command/runner.hpp"
#include "command/start_patience.hpp"
#include "nodes/calling.hpp"
#include "nodes/connection.hpp"
#include "nodes/secret.hpp"
#include "schedule/slots.hpp"
#include "system/event_loop.hpp"
#include "system/signals.hpp"
#include "system/timer.hpp"

namespace haid::cluster {

struct AgentSettings {
    std::vector<std::string> addresses;  // where the coordinator may be reached
    std::string secret_file;
    std::string node;     // this one's name
    std::string version;  // of the program
};

class Agent : private command::Runner::Listener, private nodes::Connection::Listener, private system::Watcher {
  public:
    // Calls the coordinator. Throws std::runtime_error naming every address that was tried, SystemError,
    // std::invalid_argument for the secret.
    explicit Agent(const AgentSettings& settings);
    ~Agent() override;

    // Until the coordinator says goodbye: true; false where it had to go before, which it has said on standard error.
    bool execute();

  private:
    struct Sending {
        Ended ended;
        system::Spool output;
        system::Spool error;
    };

    // Messages of the coordinator.
    void take(Welcome& welcome);
    void take(const nodes::Refused& refused);
    void take(const Jobs& jobs);
    void take(Start& start);
    void take(const Signal& signal);
    void take(const SignalGroups& signal);
    void take(const Credit& credit);
    void take(const Discard&);
    void take(const Goodbye&);
    void take(const nodes::Beat& beat);
    void on_messages(Decoder& from) override;
    void on_closed(const std::string& reason) override;

    // Jobs.
    void on_output(std::uint64_t slot, command::Stream stream, std::string_view data) override;
    void on_much_output(std::uint64_t, command::Stream, system::Spool&) override {}
    std::optional<std::size_t> on_readable(std::uint64_t, command::Stream, int, std::size_t) override { return {}; }
    void on_stopped_by_terminal(std::uint64_t slot) override;
    void on_ended(std::uint64_t slot, command::JobEnd end) override;
    void on_lost(std::uint64_t, const std::string&) override {}
    void on_slots(std::uint64_t slots) override { send(Ready{slots, cpus_}); }
    void on_short_memory(std::uint64_t slot) override { send(ShortMemory{slot}); }
    void on_news(const std::string& news) override { send(News{news}); }

    void on_ready(std::uint32_t events) override;  // signals
    void tick();
    void check_lease();
    void start_waiting();
    void send_output();
    void send(const OfAgent& message) { connection_->send(message); }
    void leave(const std::string& reason);
    void end_jobs();
    bool rest(std::chrono::seconds time);

    AgentSettings settings_;
    system::SignalQueue signals_;
    system::EventLoop loop_;
    nodes::Secret secret_;
    std::unique_ptr<nodes::Connection> connection_;
    std::unique_ptr<system::SpoolStore> store_;
    std::unique_ptr<command::LocalRunner> runner_;
    std::optional<system::Ticker> ticker_;
    int cpus_ = 0;
    std::deque<command::Job> waiting_;  // that could not be started yet
    // Of the jobs here, for devices and ports: the run's slots count over all nodes. As many are taken as jobs run.
    schedule::Slots node_slots_{std::numeric_limits<std::uint64_t>::max()};
    command::StartPatience start_patience_;
    struct Running {
        std::uint64_t sequence;
        std::uint64_t node_slot;
        std::optional<command::ResultPaths> results;
        bool signalled = false;
    };
    std::unordered_map<std::uint64_t, Running> running_;  // by slot
    std::list<Sending> sending_;                          // jobs that have ended
    std::int64_t window_ = static_cast<std::int64_t>(output_window);
    nodes::SignsOfLife signs_of_life_;
    bool suspended_ = false;
    bool silence_ = false;                // is why it leaves
    bool until_done_ = false;             // see Welcome
    bool gently_ = false;                 // jobs may end by themselves when it leaves
    std::optional<std::string> leaving_;  // why
    bool goodbye_ = false;
    bool connected_ = true;
};

}  // namespace haid::cluster
