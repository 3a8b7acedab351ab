#include "nodes/roster.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "nodes/lease.hpp"
#include "system/error.hpp"

namespace haid::nodes {

using system::Clock;

namespace {

// Whoever calls has so long to prove that it knows the secret.
constexpr std::chrono::seconds patience_with_strangers{10};
// The user hears of agents that do not call.
constexpr std::chrono::seconds patience_with_agents{30};
// More who have not proved anything than this, besides the agents, and the oldest goes.
constexpr std::size_t most_strangers = 256;

}  // namespace

// The connection of an agent, or of somebody who has yet to prove to be one.
class Roster::Caller : private Connection::Listener {
  public:
    Caller(Roster& roster, system::Descriptor socket, std::string from)
        : roster_(roster),
          from_(std::move(from)),
          connection_(roster.loop_, std::move(socket), roster.secret_, Connection::Side::coordinator, *this) {}

    Connection& connection() { return connection_; }
    const std::string& from() const { return from_; }
    system::Time since() const { return since_; }
    bool is_stranger() const { return node == nullptr && !over; }

    Node* node = nullptr;
    bool over = false;

  private:
    void on_messages(Decoder& from) override {
        // What is told may fail (a full disk): then the other messages count nevertheless.
        std::exception_ptr fault;
        while (from.remaining() > 0 && !over) {
            try {
                roster_.take(*this, from);
            } catch (const DecodeError&) {
                throw;
            } catch (...) {
                if (!fault) fault = std::current_exception();
            }
        }
        if (fault) std::rethrow_exception(fault);
    }
    void on_closed(const std::string& reason) override { roster_.closed(*this, reason); }

    Roster& roster_;
    std::string from_;
    system::Time since_ = Clock::now();
    Connection connection_;
};

Connection* Roster::Node::connection() {
    return caller_ != nullptr ? &caller_->connection() : nullptr;
}

Roster::Roster(system::EventLoop& loop, const std::vector<std::string>& names,
               const std::vector<std::string>& run_folders, std::uint32_t version, std::string build,
               Listener& listener)
    : loop_(loop),
      version_(version),
      build_(std::move(build)),
      listener_(listener),
      secret_(Secret::random()),
      secret_file_(secret_, run_folders),
      started_(Clock::now()),
      standstill_(started_) {
    for (const std::string& name : names) nodes_.emplace_back(nodes_.size(), name);
    system::raise_file_limit();
    listening_ = system::listen_anywhere();
    loop_.add(listening_.socket.get(), EPOLLIN, *this);
    if (!secret_file_.passed_by().empty()) {
        listener_.on_news(fmt::format("{}: the secret of the run lies in '{}' meanwhile", secret_file_.passed_by(),
                                      secret_file_.path()));
    }
}

Roster::~Roster() {
    loop_.remove(listening_.socket.get(), *this);
}

std::string Roster::addresses() const {
    std::string text;
    for (const system::Endpoint& one : system::own_endpoints(listening_.port)) {
        text += (text.empty() ? "" : ",") + one.text();
    }
    return text;
}

// -- who calls

void Roster::on_ready(std::uint32_t) {
    const auto strangers = [&] {
        return static_cast<std::size_t>(
            std::count_if(callers_.begin(), callers_.end(), [](const Caller& caller) { return caller.is_stranger(); }));
    };
    try {
        while (auto one = system::accept_one(listening_.socket.get())) {
            callers_.emplace_back(*this, std::move(one->socket), std::move(one->from));
            if (strangers() <= most_strangers + nodes_.size()) continue;
            callers_.erase(std::find_if(callers_.begin(), callers_.end(),
                                        [](const Caller& caller) { return caller.is_stranger(); }));
        }
    } catch (const system::SystemError& error) {
        if (error.error() != EMFILE && error.error() != ENFILE) throw;
        // No descriptor for whoever calls; somebody will have gone when the next tick has come.
        callers_.remove_if([](const Caller& one) { return one.over || one.node == nullptr; });
    }
}

void Roster::take(Caller& caller, Decoder& from) {
    Decoder ahead = from;
    const auto number = decode<std::uint8_t>(ahead);
    if (number == OfAgent<>(Hello{}).index()) {
        from = ahead;
        return greet(caller, decode<Hello>(from));
    }
    if (caller.node == nullptr) throw DecodeError("haid: an agent that did not say who it is");
    caller.node->heard_ = Clock::now();
    if (number != OfAgent<>(Beat{}).index()) return listener_.on_message(*caller.node, from);
    from = ahead;
    caller.connection().send(OfCoordinator<>(decode<Beat>(from)));
}

void Roster::greet(Caller& caller, const Hello& hello) {
    auto refuse = [&](const std::string& reason) {
        caller.connection().send(OfCoordinator<>(Refused{reason}));
        listener_.on_news(fmt::format("an agent on {} ({}) was refused: {}", hello.node, caller.from(), reason));
    };
    if (caller.node != nullptr) throw DecodeError("haid: an agent that says twice who it is");
    if (hello.version != version_) {
        return refuse(fmt::format("it is haid {}, which speaks another language (version {}, not {})", hello.program,
                                  hello.version, version_));
    }
    if (hello.build != build_) {
        return refuse(fmt::format("its program is another one (build {}, not {}): all nodes must run the same file",
                                  hello.build, build_));
    }
    auto node = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& one) { return one.name_ == hello.node; });
    if (node == nodes_.end()) return refuse("it is no node of this run");
    if (node->state_ != Node::State::awaited) return refuse("there was an agent on this node already");
    node->state_ = Node::State::connected;
    node->caller_ = &caller;
    node->heard_ = Clock::now();
    caller.node = &*node;
    if (awaited().empty()) secret_file_.remove();
    listener_.on_called(*node);
}

void Roster::closed(Caller& caller, const std::string& reason) {
    caller.over = true;
    if (caller.node == nullptr) {
        if (!finishing_) listener_.on_news(fmt::format("a stranger called from {}: {}", caller.from(), reason));
        return;
    }
    Node& node = *caller.node;
    node.caller_ = nullptr;
    if (finishing_ || node.state_ == Node::State::gone) return;
    node.state_ = Node::State::cut;
    node.reason_ = reason;
    node.cut_ = Clock::now();
    listener_.on_cut(node);
}

void Roster::miss(Node& node) {
    node.missed_ = true;
    if (!listener_.is_busy(node)) return lose(node, node.reason_);
    const auto left = std::chrono::ceil<std::chrono::seconds>(node.heard_ + given_up_after - Clock::now());
    listener_.on_missed(node, node.reason_, std::max(left, std::chrono::seconds(0)));
}

// -- who is lost

void Roster::lose(Node& node, const std::string& reason) {
    node.state_ = Node::State::gone;
    if (node.caller_ != nullptr) node.caller_->over = true;
    node.caller_ = nullptr;
    listener_.on_lost(node, reason);
}

bool Roster::hope(bool launching) const {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
        return node.state_ == Node::State::awaited ? launching : node.state_ != Node::State::gone;
    });
}

std::string Roster::awaited() const {
    std::string names;
    for (const Node& node : nodes_) {
        if (node.state_ == Node::State::awaited) names += (names.empty() ? "" : ", ") + node.name_;
    }
    return names;
}

void Roster::tick() {
    const system::Time now = Clock::now();
    // Who could not listen does not know who was silent.
    const system::Duration deaf = standstill_.look(now);
    started_ += deaf;
    callers_.remove_if([&](const Caller& one) {
        if (!one.is_stranger() || now - one.since() < patience_with_strangers) return one.over;
        listener_.on_news(fmt::format("a stranger called from {} and said nothing", one.from()));
        return true;
    });
    for (Node& node : nodes_) {
        if (deaf > system::Duration::zero()) node.heard_ = now;
        const bool cut = node.state_ == Node::State::cut && !finishing_;
        if (cut && !node.missed_ && now - node.cut_ >= told_by_then) miss(node);
        const bool watched = node.state_ == Node::State::connected || node.state_ == Node::State::cut;
        if (watched && now - node.heard_ > given_up_after) {
            lose(node, fmt::format("not a word for {} s", given_up_after.count()));
        }
    }
    if (told_of_silence_ || now - started_ <= patience_with_agents) return;
    if (const std::string missing = awaited(); !missing.empty()) {
        told_of_silence_ = true;
        listener_.on_news(fmt::format("no agent has called from {}; going on without, for now", missing));
    }
}

}  // namespace haid::nodes
