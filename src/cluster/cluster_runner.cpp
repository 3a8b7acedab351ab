#include "cluster/cluster_runner.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <exception>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "cluster/lease.hpp"
#include "system/error.hpp"
#include "system/network.hpp"

namespace haid::cluster {

using system::Clock;
using system::Time;

namespace {

constexpr std::chrono::milliseconds tick_every{500};
// Whoever calls has so long to prove that it knows the secret.
constexpr std::chrono::seconds patience_with_strangers{10};
// The user hears of agents that do not call.
constexpr std::chrono::seconds patience_with_agents{30};
// More who have not proved anything than this, besides the agents, and the oldest goes.
constexpr std::size_t most_strangers = 256;
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
    welcome.limit_threads = settings.limit_threads;
    welcome.slot_variable = settings.slot_variable;
    welcome.nice = settings.nice.value_or(0);
    welcome.nice_given = settings.nice.has_value();
    const bool results = !settings.results.empty();
    welcome.grouping = static_cast<std::uint8_t>(results ? command::RunSettings::Grouping::whole : settings.grouping);
    welcome.temporary_folder = settings.temporary_folder;
    welcome.shell = settings.shell.path;
    welcome.shell_style = static_cast<std::uint8_t>(settings.shell.style);
    welcome.shell_may_be_left_out = settings.shell.may_be_left_out;
    welcome.until_done = until_done;
    return welcome;
}

}  // namespace

// The connection of an agent, or of somebody who has yet to prove to be one.
class ClusterRunner::Link : private Connection::Listener {
  public:
    Link(ClusterRunner& runner, system::Descriptor socket, std::string from)
        : runner_(runner),
          from_(std::move(from)),
          connection_(runner.context_.loop, std::move(socket), runner.secret_, Connection::Side::coordinator, *this) {}

    Connection& connection() { return connection_; }
    void send(const OfCoordinator& message) { connection_.send(message); }
    const std::string& from() const { return from_; }
    Time since() const { return since_; }

    Node* node = nullptr;
    bool over = false;

  private:
    void on_messages(Decoder& from) override {
        // What is told may fail (a full disk): then the other messages count nevertheless.
        std::exception_ptr fault;
        for_each_message<OfAgent>(from, [&](OfAgent&& message) {
            if (over) return false;
            try {
                runner_.take(*this, std::move(message));
            } catch (const DecodeError&) {
                throw;
            } catch (...) {
                if (!fault) fault = std::current_exception();
            }
            return true;
        });
        if (fault) std::rethrow_exception(fault);
    }
    void on_closed(const std::string& reason) override { runner_.closed(*this, reason); }

    ClusterRunner& runner_;
    std::string from_;
    Time since_ = Clock::now();
    Connection connection_;
};

// Where agents call.
class ClusterRunner::Reception : private system::Watcher {
  public:
    explicit Reception(ClusterRunner& runner) : runner_(runner), listening_(system::listen_anywhere()) {
        runner_.context_.loop.add(listening_.socket.get(), EPOLLIN, *this);
    }
    ~Reception() override { runner_.context_.loop.remove(listening_.socket.get(), *this); }
    int socket() const { return listening_.socket.get(); }
    std::string addresses() const {
        std::string text;
        for (const system::Endpoint& one : system::own_endpoints(listening_.port)) {
            text += (text.empty() ? "" : ",") + one.text();
        }
        return text;
    }

  private:
    void on_ready(std::uint32_t) override { runner_.accept(); }

    ClusterRunner& runner_;
    system::Listening listening_;
};

ClusterRunner::ClusterRunner(const command::RunSettings& settings, const command::RunnerContext& context,
                             const ClusterSettings& cluster)
    : context_(context),
      listener_(context.listener),
      streamed_(settings.grouping == command::RunSettings::Grouping::lines && settings.results.empty()),
      welcome_(welcome_for(settings, cluster.until_done)),
      secret_(Secret::random()),
      secret_file_(secret_, cluster.run_folder),
      started_(Clock::now()) {
    for (const std::string& name : cluster.nodes) nodes_.emplace_back().name = name;
    system::raise_file_limit();
    reception_ = std::make_unique<Reception>(*this);
    std::vector<std::string> words = cluster.launcher;
    words.insert(words.end(),
                 {cluster.program, "agent", "--to", reception_->addresses(), "--secret", secret_file_.path()});
    launch_ = std::make_unique<Launch>(words, cluster.launcher_environment, context.signal_mask);
    ticker_.emplace(context.loop, tick_every, [this] { tick(); });
}

ClusterRunner::~ClusterRunner() = default;

// -- who calls

void ClusterRunner::accept() {
    const auto strangers = [&] {
        return static_cast<std::size_t>(
            std::count_if(links_.begin(), links_.end(), [](const Link& one) { return !one.node && !one.over; }));
    };
    try {
        while (auto one = system::accept_one(reception_->socket())) {
            links_.emplace_back(*this, std::move(one->socket), std::move(one->from));
            if (strangers() <= most_strangers + nodes_.size()) continue;
            auto oldest = std::find_if(links_.begin(), links_.end(), [](const Link& l) { return !l.node && !l.over; });
            links_.erase(oldest);
        }
    } catch (const system::SystemError& error) {
        if (error.error() != EMFILE && error.error() != ENFILE) throw;
        // No descriptor for whoever calls; somebody will have gone when the next tick has come.
        links_.remove_if([](const Link& one) { return one.over || !one.node; });
    }
}

void ClusterRunner::take(Link& link, OfAgent&& message) {
    if (auto* hello = std::get_if<Hello>(&message)) return greet(link, *hello);
    if (link.node == nullptr) throw DecodeError("haid: an agent that did not say who it is");
    link.node->heard = Clock::now();
    std::visit([&](auto& one) { take(*link.node, one); }, message);
}

void ClusterRunner::greet(Link& link, const Hello& hello) {
    auto refuse = [&](const std::string& reason) {
        link.send(Refused{reason});
        listener_.on_news(fmt::format("an agent on {} ({}) was refused: {}", hello.node, link.from(), reason));
    };
    if (link.node != nullptr) throw DecodeError("haid: an agent that says twice who it is");
    if (hello.version != protocol_version) {
        return refuse(fmt::format("it is haid {}, which speaks another language (version {}, not {})", hello.program,
                                  hello.version, protocol_version));
    }
    auto node = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& one) { return one.name == hello.node; });
    if (node == nodes_.end()) return refuse("it is no node of this run");
    if (node->state != Node::State::awaited) return refuse("there was an agent on this node already");
    node->state = Node::State::welcome;
    node->link = &link;
    node->heard = Clock::now();
    link.node = &*node;
    // One that comes when all is done has nothing to do.
    link.send(finishing_ ? OfCoordinator(Goodbye{}) : OfCoordinator(welcome_));
    if (names_of(Node::State::awaited).empty()) secret_file_.remove();
}

void ClusterRunner::closed(Link& link, const std::string& reason) {
    link.over = true;
    if (link.node != nullptr) return cut(*link.node, reason);
    if (!finishing_) listener_.on_news(fmt::format("a stranger called from {}: {}", link.from(), reason));
}

// -- what agents say

void ClusterRunner::take(Node& node, const Ready& ready) {
    if (node.state != Node::State::welcome) return;
    node.state = Node::State::ready;
    node.slots = ready.slots;
    count_slots();
}

void ClusterRunner::take(Node& node, Output& output) {
    auto written = node.running.find(output.slot);
    if (written == node.running.end()) throw DecodeError("haid: output of a job that does not run there");
    node.owed_credit += output.data.size();
    if (!paused_ && node.owed_credit >= least_credit) give_credit(node);
    if (discarding_) return;
    const auto stream = static_cast<command::Stream>(output.stream);
    if (streamed_) return listener_.on_output(output.slot, stream, output.data);
    (stream == command::Stream::error ? written->second.error : written->second.output).append(output.data);
}

void ClusterRunner::take(Node& node, const Ended& ended) {
    auto job = node.running.extract(ended.slot);
    if (job.empty()) throw DecodeError("haid: the end of a job that does not run there");
    by_slot_.erase(ended.slot);
    process::Ending ending{0, ended.exit_status, ended.signal, false, std::bit_cast<rusage>(ended.usage)};
    listener_.on_ended(ended.slot, {ending, ended.start, ended.seconds, node.name, std::move(job.mapped().output),
                                    std::move(job.mapped().error), ended.kept});
}

void ClusterRunner::take(Node& node, const StoppedByTerminal& stopped) {
    if (node.running.contains(stopped.slot)) listener_.on_stopped_by_terminal(stopped.slot);
}

void ClusterRunner::take(Node& node, const Leaving& leaving) {
    node.link->over = true;
    lose(node, leaving.reason);
}

void ClusterRunner::take(Node& node, const Beat& beat) {
    node.link->send(beat);
}

void ClusterRunner::give_credit(Node& node) {
    if (node.owed_credit == 0 || node.link == nullptr) return;
    node.link->send(Credit{node.owed_credit});
    node.owed_credit = 0;
}

// -- nodes that are lost

// Nobody answers there; its jobs may still run.
void ClusterRunner::cut(Node& node, const std::string& reason) {
    node.link = nullptr;
    if (finishing_ || node.state == Node::State::gone) return;
    if (node.running.empty()) return lose(node, reason);
    node.state = Node::State::cut;
    const auto wait = std::chrono::ceil<std::chrono::seconds>(node.heard + given_up_after - Clock::now());
    listener_.on_news(
        fmt::format("no connection to node {} ({}); its {} job(s) run elsewhere in {} s, when they have "
                    "ended there for certain",
                    node.name, reason, node.running.size(), std::max<long>(wait.count(), 0)));
    count_slots();
}

// Nothing runs there any more.
void ClusterRunner::lose(Node& node, const std::string& reason) {
    node.state = Node::State::gone;
    if (node.link != nullptr) node.link->over = true;
    node.link = nullptr;
    count_slots();
    auto running = std::exchange(node.running, {});
    listener_.on_news(running.empty() ? fmt::format("node {} is lost: {}", node.name, reason)
                                      : fmt::format("node {} is lost: {}; its {} job(s) run elsewhere", node.name,
                                                    reason, running.size()));
    for (const auto& [slot, written] : running) {
        by_slot_.erase(slot);
        listener_.on_lost(slot);
    }
    expect_somebody();
}

// Throws where no node is left, nor will be.
void ClusterRunner::expect_somebody() {
    const bool hope = std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
        return node.state == Node::State::awaited ? !launch_->ended() : node.state != Node::State::gone;
    });
    if (!hope && !finishing_) {
        throw std::runtime_error(launch_->ended()
                                     ? fmt::format("no node is left to run jobs ({})", launch_->how_it_ended())
                                     : "no node is left to run jobs");
    }
}

void ClusterRunner::count_slots() {
    slots_ = 0;
    for (const Node& node : nodes_) slots_ += node.state == Node::State::ready ? node.slots : 0;
    listener_.on_slots(slots_);
}

std::string ClusterRunner::names_of(Node::State state) const {
    std::string names;
    for (const Node& node : nodes_) {
        if (node.state == state) names += (names.empty() ? "" : ", ") + node.name;
    }
    return names;
}

void ClusterRunner::tick() {
    const Time now = Clock::now();
    links_.remove_if([&](const Link& one) {
        if (one.over || one.node != nullptr || now - one.since() < patience_with_strangers) return one.over;
        listener_.on_news(fmt::format("a stranger called from {} and said nothing", one.from()));
        return true;
    });
    for (Node& node : nodes_) {
        const bool connected = node.state == Node::State::welcome || node.state == Node::State::ready;
        if ((connected || node.state == Node::State::cut) && now - node.heard > given_up_after) {
            lose(node, fmt::format("not a word for {} s", given_up_after.count()));
        }
    }
    const std::string awaited = names_of(Node::State::awaited);
    if (!awaited.empty() && !told_of_silence_ && now - started_ > patience_with_agents) {
        told_of_silence_ = true;
        listener_.on_news(fmt::format("no agent has called from {}; going on without, for now", awaited));
    }
    if (launch_->ended()) expect_somebody();
}

// -- jobs

command::Runner::Started ClusterRunner::start(const command::Job& job) {
    Node* emptiest = nullptr;
    for (Node& node : nodes_) {
        if (node.state != Node::State::ready || node.running.size() >= node.slots) continue;
        const auto is_free = [](const Node& one) { return one.slots - one.running.size(); };
        if (emptiest == nullptr || is_free(node) > is_free(*emptiest)) emptiest = &node;
    }
    if (emptiest == nullptr) return Started::later;
    emptiest->running.try_emplace(job.slot, Written{system::Spool(context_.store), system::Spool(context_.store)});
    by_slot_[job.slot] = emptiest;
    std::vector<std::string> results;
    if (job.results) results = {job.results->output, job.results->error, job.results->sequence};
    emptiest->link->send(Start{job.sequence, job.slot, job.line, job.directory, std::move(results)});
    return Started::yes;
}

void ClusterRunner::signal(std::span<const std::uint64_t> slots, int number) {
    std::map<Node*, Signal> by_node;
    for (std::uint64_t slot : slots) {
        auto node = by_slot_.find(slot);
        if (node != by_slot_.end() && node->second->link != nullptr) by_node[node->second].slots.push_back(slot);
    }
    for (auto& [node, signal] : by_node) {
        signal.number = number;
        node->link->send(std::move(signal));
    }
}

void ClusterRunner::pause_output(bool paused) {
    if (std::exchange(paused_, paused) && !paused) {
        for (Node& node : nodes_) give_credit(node);
    }
}

void ClusterRunner::discard_output() {
    discarding_ = true;
    send_all(Discard{});
}

void ClusterRunner::signal_groups(int number) {
    send_all(SignalGroups{number});
    for (Node& node : nodes_) {
        if (node.link == nullptr) continue;
        node.heard = Clock::now();  // nobody listened meanwhile
        node.link->connection().flush();
    }
}

void ClusterRunner::send_all(const OfCoordinator& message) {
    for (Node& node : nodes_) {
        if (node.link != nullptr) node.link->send(message);
    }
}

void ClusterRunner::reap() {
    launch_->reap();
    if (launch_->ended()) expect_somebody();
}

void ClusterRunner::finish() {
    finishing_ = true;
    send_all(Goodbye{});
    const Time patient_until = Clock::now() + patience_at_the_end;
    for (int signal : {0, SIGTERM, SIGKILL}) {
        if (signal != 0) launch_->signal(signal);
        const Time until = signal == 0 ? patient_until : Clock::now() + std::chrono::seconds(2);
        while (!launch_->ended() && Clock::now() < until) {
            context_.loop.wait(until);
            launch_->reap();
        }
    }
}

}  // namespace haid::cluster
