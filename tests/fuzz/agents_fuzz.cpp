// Whatever an agent says that knows the run's secret: the coordinator of commands takes it, or closes the connection.
//
// Messages of cluster::OfAgent; slots count from the first that the agent was given. Behind the last whole one: bytes.
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <type_traits>

#include "caller.hpp"
#include "cluster/cluster_runner.hpp"
#include "command/settings.hpp"

namespace {

using namespace haid;
using fuzz::expect;

// Of a job it hears only while it runs, and what there is to hear.
class Listener final : public command::Runner::Listener {
  public:
    std::set<std::uint64_t> running;

  private:
    void on_output(std::uint64_t slot, command::Stream stream, std::string_view) override {
        expect(running.contains(slot));
        expect(stream == command::Stream::output || stream == command::Stream::error);
    }
    void on_much_output(std::uint64_t, command::Stream, system::Spool&) override { expect(false); }
    std::optional<std::size_t> on_readable(std::uint64_t, command::Stream, int, std::size_t) override { return {}; }
    void on_stopped_by_terminal(std::uint64_t slot) override { expect(running.contains(slot)); }
    void on_ended(std::uint64_t slot, command::JobEnd end) override {
        expect(running.erase(slot) == 1);
        expect(end.ending.exit_status >= 0 && end.ending.exit_status <= 255);
        expect(end.ending.signal >= 0 && end.ending.signal <= 64);
        expect(std::isfinite(end.start) && std::isfinite(end.seconds));
    }
    void on_lost(std::uint64_t slot, const std::string&) override { expect(running.erase(slot) == 1); }
    void on_slots(std::uint64_t) override {}
    void on_short_memory(std::uint64_t slot) override { expect(running.contains(slot)); }
    void on_news(const std::string&) override {}
};

struct Coordinator {
    explicit Coordinator(command::RunSettings::Grouping grouping) {
        settings.grouping = grouping;
        sigset_t none;
        sigemptyset(&none);
        const command::RunnerContext context{loop, store, listener, none, std::nullopt, std::nullopt};
        runner = std::make_unique<cluster::ClusterRunner>(settings, context,
                                                          cluster::ClusterSettings{place.plan(), "haid", false});
        place.find();
    }

    fuzz::MeetingPlace place;
    system::EventLoop loop;
    system::SpoolStore store{"/tmp", 1 << 20};
    Listener listener;
    command::RunSettings settings;
    std::unique_ptr<cluster::ClusterRunner> runner;
    std::size_t called = 0;
    std::uint64_t slots = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static std::unique_ptr<Coordinator> only;
    if (only && only->called == fuzz::MeetingPlace::nodes - 1) only.reset();
    using Grouping = command::RunSettings::Grouping;
    static bool streamed = false;
    if (!only) only = std::make_unique<Coordinator>((streamed = !streamed) ? Grouping::lines : Grouping::whole);
    Coordinator& at = *only;
    const std::uint64_t first_slot = at.slots + 1;
    fuzz::Caller<cluster::OfAgent, cluster::OfCoordinator> agent(at.loop, at.place, at.called++,
                                                                 cluster::protocol_version);
    agent.send(cluster::OfAgent(cluster::Ready{3, 2}));
    if (!agent.heard()) return 0;
    for (int job = 0; job < 3; ++job) {
        command::Job given;
        given.sequence = given.slot = ++at.slots;
        at.listener.running.insert(given.slot);
        if (at.runner->start(given) != command::Runner::Started::yes) at.listener.running.erase(given.slot);
    }
    bool leaving = false;
    fuzz::for_each_said<cluster::OfAgent>(std::as_bytes(std::span(data, size)), [&](auto& message) {
        if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(message)>, fuzz::Raw>) {
            leaving = leaving || std::holds_alternative<cluster::Leaving>(message);
            std::visit(
                [&](auto& one) {
                    if constexpr (requires { one.slot; }) one.slot += first_slot;
                },
                message);
        }
        agent.send(message);
        return true;
    });
    // Nothing is said to one that leaves, until its connection is closed by the next tick: half a second.
    leaving ? agent.flush() : static_cast<void>(agent.heard());
    return 0;
}
