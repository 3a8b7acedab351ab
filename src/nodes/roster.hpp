// The agents of a run as their coordinator knows them: who has called and proved to know the run's secret, who is
// silent, and who is given up. What a run does with its agents is somebody else's.
//
// Invariants. An agent may work as long as its lease lasts, which is counted from when it sent the last sign of life
// that was answered; the roster counts from when that came, which is later, and some seconds more; time in which it
// stood still itself does not count. So what a silent node was given is called lost only when it has been ended there.
// Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "haid/codec.hpp"
#include "nodes/connection.hpp"
#include "nodes/messages.hpp"
#include "nodes/secret.hpp"
#include "process/standstill.hpp"
#include "system/event_loop.hpp"
#include "system/network.hpp"

namespace haid::nodes {

class Roster : private system::Watcher {
    class Caller;

  public:
    class Node {
      public:
        Node(std::size_t index, std::string name) : index_(index), name_(std::move(name)) {}

        std::size_t index() const { return index_; }
        const std::string& name() const { return name_; }
        // Its agent has called, and can be spoken to.
        bool connected() const { return caller_ != nullptr; }
        // Of OfCoordinator<…>; nothing where it is not connected.
        template <class Message>
        void send(const Message& message) {
            if (Connection* to = connection()) to->send(message);
        }
        Connection* connection();
        // Nobody could say anything meanwhile.
        void excuse() { heard_ = system::Clock::now(); }

      private:
        friend class Roster;
        enum class State {
            awaited,    // its agent has not called yet
            connected,  // and is there
            cut,        // what it was given may still run, until `heard` is long ago
            gone,       // nothing runs there
        };

        std::size_t index_;
        std::string name_;
        State state_ = State::awaited;
        Caller* caller_ = nullptr;
        system::Time heard_{};
        std::string reason_;  // why it was cut
        system::Time cut_{};
        bool missed_ = false;  // and that is told
    };

    class Listener {
      public:
        virtual ~Listener() = default;
        // Its agent is there, and is to be told what to do.
        virtual void on_called(Node& node) = 0;
        // One message of OfAgent<…>, other than Hello and Beat. DecodeError closes the connection; other exceptions
        // leave the loop when the messages that came with it have been taken.
        virtual void on_message(Node& node, Decoder& from) = 0;
        // Whether something that it was given may still run there.
        virtual bool is_busy(const Node& node) const = 0;
        // Nobody answers there.
        virtual void on_cut(Node& node) = 0;
        // It is worth telling by now (told_by_then), for something may still run there; on_lost follows so long
        // afterwards, unless nothing matters any more.
        virtual void on_missed(Node& node, const std::string& reason, std::chrono::seconds left) = 0;
        // Nothing runs there any more.
        virtual void on_lost(Node& node, const std::string& reason) = 0;
        virtual void on_news(const std::string& text) = 0;
    };

    // Listens. `version` and `build`: what agents have to say. Throws SystemError.
    Roster(system::EventLoop& loop, const std::vector<std::string>& names, const std::vector<std::string>& run_folders,
           std::uint32_t version, std::string build, Listener& listener);
    ~Roster() override;
    Roster(const Roster&) = delete;
    Roster& operator=(const Roster&) = delete;

    // What agents are told: where to call, and where the secret lies.
    std::string addresses() const;
    const std::string& secret_path() const { return secret_file_.path(); }

    std::vector<Node>& nodes() { return nodes_; }
    const std::vector<Node>& nodes() const { return nodes_; }
    // Looks who is silent for too long; to be called every half second.
    void tick();
    // Nothing runs there any more, as the agent has said, for one, and no word of it counts.
    void lose(Node& node, const std::string& reason);
    // Whether an agent is there or may come, `launching` saying whether some are still being started.
    bool hope(bool launching) const;
    // Its agent has not called yet, or was there not long ago.
    bool may_come(const Node& node) const { return node.state_ != Node::State::gone; }
    // From now on nobody is missed.
    void finish() { finishing_ = true; }
    template <class Message>
    void send_all(const Message& message) {
        for (Node& node : nodes_) node.send(message);
    }

  private:
    void on_ready(std::uint32_t events) override;
    void greet(Caller& caller, const Hello& hello);
    void take(Caller& caller, Decoder& from);
    void closed(Caller& caller, const std::string& reason);
    void miss(Node& node);
    std::string awaited() const;

    system::EventLoop& loop_;
    std::uint32_t version_;
    std::string build_;
    Listener& listener_;
    Secret secret_;
    SecretFile secret_file_;
    std::vector<Node> nodes_;
    std::list<Caller> callers_;
    system::Listening listening_;
    system::Time started_;
    process::Standstill standstill_;
    bool told_of_silence_ = false;
    bool finishing_ = false;
};

}  // namespace haid::nodes
