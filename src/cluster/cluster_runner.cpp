#include "cluster/cluster_runner.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <exception>
#include <filesystem>
#include <limits>
#include <map>
#include <stdexcept>

#include "nodes/lease.hpp"
#include "system/error.hpp"

namespace haid::cluster {

using system::Clock;
using system::Time;

namespace {

constexpr std::chrono::milliseconds tick_every{500};
constexpr std::uint64_t least_credit = output_window / 4;
// At the end, the launcher has so long to end by itself.
constexpr std::chrono::seconds patience_at_the_end{10};

Welcome welcome_for(const command::RunSettings& settings, bool until_done) {
    Welcome welcome;
    std::error_code error;
    welcome.directory = std::filesystem::current_path(error).string();
    if (error) throw system::SystemError(error.value(), "cannot tell the nodes which folder to run in");
    for (char** entry = environ; *entry != nullptr; ++entry) welcome.environment.emplace_back(*entry);
    welcome.jobs = settings.jobs;
    welcome.cpus_per_job = settings.cpus_per_job;
    welcome.most_load = settings.gate.most_load;
    welcome.least_free_memory = settings.gate.least_free_memory;
    welcome.limit_threads = settings.limit_threads;
    welcome.slot_variable = settings.slot_variable;
    welcome.seed = settings.seed;
    welcome.nice = settings.nice.value_or(0);
    welcome.nice_given = settings.nice.has_value();
    const bool results = !settings.results.empty();
    welcome.grouping = static_cast<std::uint8_t>(results ? command::RunSettings::Grouping::whole : settings.grouping);
    welcome.temporary_folder = settings.temporary_folder;
    welcome.shell = settings.shell.path;
    welcome.shell_style = static_cast<std::uint8_t>(settings.shell.style);
    welcome.shell_may_be_left_out = settings.shell.may_be_left_out;
    welcome.shell_prologue = settings.shell.prologue;
    welcome.until_done = until_done;
    return welcome;
}

}  // namespace

ClusterRunner::ClusterRunner(const command::RunSettings& settings, const command::RunnerContext& context,
                             const ClusterSettings& cluster)
    : context_(context),
      listener_(context.listener),
      streamed_(settings.grouping == command::RunSettings::Grouping::lines && settings.results.empty()),
      welcome_(welcome_for(settings, cluster.until_done)),
      places_(cluster.launch.nodes.size()),
      trust_(cluster.launch.nodes.size()),
      roster_(context.loop, cluster.launch.nodes, cluster.launch.run_folders, protocol_version, {}, *this),
      launcher_(cluster.launch,
                {cluster.program, "agent", "--to", roster_.addresses(), "--secret", roster_.secret_path()}, {}) {
    ticker_.emplace(context.loop, tick_every, [this] { tick(); });
}

ClusterRunner::~ClusterRunner() = default;

void ClusterRunner::on_called(Node& node) {
    any_called_ = true;
    // One that comes when all is done has nothing to do.
    node.send(finishing_ ? OfCoordinator(Goodbye{}) : OfCoordinator(welcome_));
}

void ClusterRunner::on_message(Node& node, Decoder& from) {
    auto message = decode<OfAgent>(from);
    std::visit([&](auto& one) { take(node, one); }, message);
}

// -- what agents say

void ClusterRunner::take(Node& node, const Ready& ready) {
    place(node).ready = true;
    place(node).slots = ready.slots;
    count_slots();
}

void ClusterRunner::take(Node& node, Output& output) {
    Place& there = place(node);
    auto written = there.running.find(output.slot);
    if (written == there.running.end()) throw DecodeError("haid: output of a job that does not run there");
    there.owed_credit += output.data.size();
    if (!paused_ && there.owed_credit >= least_credit) give_credit(node);
    if (discarding_) return;
    const auto stream = static_cast<command::Stream>(output.stream);
    if (stream != command::Stream::output && stream != command::Stream::error) {
        throw DecodeError("haid: output of a stream that no job has");
    }
    if (streamed_) return listener_.on_output(output.slot, stream, output.data);
    (stream == command::Stream::error ? written->second.error : written->second.output).append(output.data);
}

void ClusterRunner::take(Node& node, const Ended& ended) {
    const bool possible = ended.exit_status >= 0 && ended.exit_status <= 255 && ended.signal >= 0 &&
                          ended.signal <= SIGRTMAX && std::isfinite(ended.start) && std::isfinite(ended.seconds);
    if (!possible) throw DecodeError("haid: an end that no job comes to");
    auto job = place(node).running.extract(ended.slot);
    if (job.empty()) throw DecodeError("haid: the end of a job that does not run there");
    by_slot_.erase(ended.slot);
    if (place(node).running.size() >= place(node).slots) count_slots();
    if (!job.mapped().signalled) judge(node, ended.exit_status == 0 && ended.signal == 0);
    process::Ending ending{0, ended.exit_status, ended.signal, false, std::bit_cast<rusage>(ended.usage)};
    listener_.on_ended(ended.slot, {ending, ended.start, ended.seconds, node.name(), std::move(job.mapped().output),
                                    std::move(job.mapped().error), ended.kept});
}

void ClusterRunner::take(Node& node, const StoppedByTerminal& stopped) {
    if (place(node).running.contains(stopped.slot)) listener_.on_stopped_by_terminal(stopped.slot);
}

void ClusterRunner::take(Node& node, const ShortMemory& shortage) {
    if (place(node).running.contains(shortage.slot)) listener_.on_short_memory(shortage.slot);
}

void ClusterRunner::take(Node& node, const News& news) {
    listener_.on_news(fmt::format("node {}: {}", node.name(), news.text));
}

void ClusterRunner::take(Node& node, const Leaving& leaving) {
    if (leaving.told_to_end) place(node).told_to_end = Clock::now();
    roster_.lose(node, leaving.reason);
}

void ClusterRunner::give_credit(Node& node) {
    std::uint64_t& owed = place(node).owed_credit;
    if (owed == 0 || !node.connected()) return;
    node.send(OfCoordinator(Credit{owed}));
    owed = 0;
}

// -- nodes that are lost

void ClusterRunner::on_cut(Node&) {
    count_slots();
}

void ClusterRunner::on_missed(Node& node, const std::string& reason, std::chrono::seconds left) {
    listener_.on_news(
        fmt::format("no connection to node {} ({}); its {} job(s) run elsewhere in {} s, when they have "
                    "ended there for certain",
                    node.name(), reason, place(node).running.size(), left.count()));
}

void ClusterRunner::on_lost(Node& node, const std::string& reason) {
    count_slots();
    if (!place(node).told_to_end) give_up(node, reason);
}

// Some run, and all of them are to end.
bool ClusterRunner::is_ending(const std::unordered_map<std::uint64_t, Written>& running) {
    return !running.empty() &&
           std::all_of(running.begin(), running.end(), [](const auto& one) { return one.second.signalled; });
}

// Where Slurm ends the job, this program is told so, too, some moments sooner or later; then nothing was lost.
void ClusterRunner::conclude_told_to_end() {
    for (Node& node : roster_.nodes()) {
        Place& there = place(node);
        if (!there.told_to_end) continue;
        if (Clock::now() - *there.told_to_end < nodes::told_by_then && !is_ending(there.running)) continue;
        there.told_to_end.reset();
        give_up(node, "it was told to end, as Slurm does with the processes of a job or a step that it ends");
    }
}

void ClusterRunner::give_up(Node& node, const std::string& reason) {
    auto running = std::exchange(place(node).running, {});
    const bool all_ending = is_ending(running);
    if (!all_ending) {
        listener_.on_news(running.empty() ? fmt::format("node {} is lost: {}", node.name(), reason)
                                          : fmt::format("node {} is lost: {}; its {} job(s) run elsewhere", node.name(),
                                                        reason, running.size()));
    }
    for (const auto& [slot, written] : running) {
        by_slot_.erase(slot);
        listener_.on_lost(slot, node.name());
    }
    expect_somebody();
}

// Throws where no node is left, nor will be.
void ClusterRunner::expect_somebody() {
    const auto undecided = [](const Place& there) { return there.told_to_end.has_value(); };
    if (finishing_ || roster_.hope(!launcher_.ended()) || std::any_of(places_.begin(), places_.end(), undecided))
        return;
    std::string text = "no node is left to run jobs";
    if (launcher_.ended()) text += fmt::format(" ({})", launcher_.how_it_ended());
    if (!any_called_) text += "; no agent has called: --nodes local keeps to this node";
    throw std::runtime_error(text);
}

std::uint64_t ClusterRunner::open_slots(const Node& node) const {
    const Place& there = place(node);
    if (!node.connected() || !there.ready) return 0;
    if (!trust_.in_a_row(node.index())) return there.slots;
    return std::min(there.slots, trust_.most_jobs(node.index(), Clock::now()));
}

void ClusterRunner::judge(const Node& node, bool succeeded) {
    const bool before = trust_.in_a_row(node.index());
    trust_.ended(node.index(), succeeded, Clock::now());
    if (!before && !trust_.in_a_row(node.index())) return;
    tell_trust(node);
    count_slots();
}

void ClusterRunner::tell_trust(const Node& node) {
    switch (trust_.news(node.index())) {
        case schedule::Trust::News::doubted:
            return listener_.on_news(fmt::format(
                "node {}: the last {} jobs failed there, and not on other nodes; it gets one job at a time, "
                "ever more rarely, until one succeeds",
                node.name(), schedule::Trust::doubted_after));
        case schedule::Trust::News::trusted:
            return listener_.on_news(
                fmt::format("node {}: a job has succeeded there; it is used as the others are", node.name()));
        case schedule::Trust::News::none:
            return;
    }
}

// A node that is to start nothing has the slots in which its jobs run: the others' are all for new ones.
void ClusterRunner::count_slots() {
    slots_ = 0;
    for (const Node& node : roster_.nodes()) {
        // One that is still to come counts: a broken node may be the first, and would have them all.
        const Place& there = place(node);
        trust_.set_usable(node.index(), roster_.may_come(node) && (!there.ready || there.slots > 0));
    }
    for (const Node& node : roster_.nodes()) {
        const Place& there = place(node);
        const std::uint64_t slots = std::max<std::uint64_t>(open_slots(node), there.running.size());
        slots_ += std::min(slots, std::numeric_limits<std::uint64_t>::max() - slots_);
    }
    listener_.on_slots(slots_);
}

void ClusterRunner::tick() {
    roster_.tick();
    conclude_told_to_end();
    if (launcher_.ended()) expect_somebody();
    bool any_in_a_row = false;
    for (const Node& node : roster_.nodes()) {
        if (!trust_.in_a_row(node.index())) continue;
        any_in_a_row = true;
        tell_trust(node);
    }
    if (any_in_a_row) count_slots();
}

// -- jobs

void ClusterRunner::set_jobs(const std::string& jobs) {
    welcome_.jobs = jobs;
    // Nothing starts on a node before it has answered: it might be one too many.
    for (Place& there : places_) there.ready = false;
    count_slots();
    send_all(Jobs{jobs});
}

command::Runner::Started ClusterRunner::start(const command::Job& job) {
    struct Choice {
        Node* node = nullptr;
        std::uint64_t free = 0;
    } fresh, failed;
    bool any_fresh = false;
    const auto& before = job.failed_on;
    for (Node& node : roster_.nodes()) {
        const std::uint64_t open = open_slots(node);
        if (open == 0) continue;
        const bool has_failed = !before.empty() && std::find(before.begin(), before.end(), node.name()) != before.end();
        any_fresh = any_fresh || !has_failed;
        const std::uint64_t running = place(node).running.size();
        Choice& choice = has_failed ? failed : fresh;
        if (running < open && open - running > choice.free) choice = {&node, open - running};
    }
    if (fresh.node == nullptr && any_fresh && !before.empty()) return Started::elsewhere;
    Node* emptiest = fresh.node != nullptr ? fresh.node : failed.node;
    if (emptiest == nullptr) return Started::later;
    place(*emptiest).running.try_emplace(job.slot,
                                         Written{system::Spool(context_.store), system::Spool(context_.store)});
    by_slot_[job.slot] = emptiest;
    std::vector<std::string> results;
    if (job.results) results = {job.results->output, job.results->error, job.results->sequence};
    emptiest->send(OfCoordinator(Start{job.sequence, job.slot, job.line, job.directory, std::move(results)}));
    return Started::yes;
}

void ClusterRunner::signal(std::span<const std::uint64_t> slots, int number) {
    std::map<Node*, Signal> by_node;
    for (std::uint64_t slot : slots) {
        auto node = by_slot_.find(slot);
        if (node == by_slot_.end()) continue;
        by_node[node->second].slots.push_back(slot);
        place(*node->second).running.at(slot).signalled = true;
    }
    for (auto& [node, signal] : by_node) {
        signal.number = number;
        node->send(OfCoordinator(std::move(signal)));
    }
}

void ClusterRunner::pause_output(bool paused) {
    if (std::exchange(paused_, paused) && !paused) {
        for (Node& node : roster_.nodes()) give_credit(node);
    }
}

void ClusterRunner::discard_output() {
    discarding_ = true;
    send_all(Discard{});
}

void ClusterRunner::signal_groups(int number) {
    send_all(SignalGroups{number});
    for (Node& node : roster_.nodes()) {
        node.excuse();
        if (node.connected()) node.connection()->flush();
    }
}

void ClusterRunner::reap() {
    if (launcher_.ended()) expect_somebody();
}

void ClusterRunner::finish() {
    finishing_ = true;
    roster_.finish();
    send_all(Goodbye{});
    const Time patient_until = Clock::now() + patience_at_the_end;
    for (int signal : {0, SIGTERM, SIGKILL}) {
        if (signal != 0) launcher_.signal(signal);
        const Time until = signal == 0 ? patient_until : Clock::now() + std::chrono::seconds(2);
        while (!launcher_.ended() && Clock::now() < until) context_.loop.wait(until);
    }
}

}  // namespace haid::cluster
