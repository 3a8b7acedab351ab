// Which items of which call go to which node, and what becomes of them.
//
// A node is given as many items at a time as keep its workers busy for some tens of milliseconds, in tasks, which its
// own pool spreads over them: neither a slow network nor a slow node holds up the others. Items of a node that is lost
// are given to others, when they have been ended there (nodes/roster.hpp); that is no attempt of theirs. One that was
// on a node that was lost as often as it has attempts, and once more, has failed: it may be what ends them. Not
// thread-safe: whoever drives the loop and whoever calls this hold the same lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "haid/detail/pool/call.hpp"
#include "nodes/launch_plan.hpp"
#include "nodes/launcher.hpp"
#include "nodes/roster.hpp"
#include "remote/active_call.hpp"
#include "remote/assignments.hpp"
#include "remote/messages.hpp"
#include "system/event_loop.hpp"

namespace haid::remote {

class Coordinator : private nodes::Roster::Listener, private system::Watcher {
  public:
    // Starts the hosts. Throws SystemError.
    Coordinator(system::EventLoop& loop, const nodes::LaunchPlan& plan, const std::vector<std::string>& command,
                std::string build, Bytes description);
    ~Coordinator() override;

    // -- calls; they throw nothing
    void add(std::shared_ptr<detail::Call> call);
    bool knows(const detail::Call& call) const { return find(call) != nullptr; }
    bool idle() const { return calls_.empty(); }
    // It has more items, or no more will come.
    void refill(const detail::Call& call);
    // What has not begun is given up, `stop`: what runs, too.
    void cancel(const detail::Call& call, bool stop);
    void abort_all(const std::exception_ptr& error);
    // Nothing can be run any more.
    void fail(const std::exception_ptr& error);

    // -- nodes
    void tick();
    // All who may come are there.
    bool complete() const;
    int workers() const;
    // Why nothing can be run any more; nullptr: it can.
    const std::exception_ptr& broken() const { return broken_; }
    // The hosts end their workers, `at_once` or as these come to their ends, and then themselves.
    void say_goodbye(bool at_once);
    // All hosts have ended, as far as the launcher knows.
    bool deserted() { return launcher_.ended(); }
    bool anybody() const;
    void end_launcher(int signal) { launcher_.signal(signal); }

    // Whether something has happened that somebody may wait for, since it was last asked.
    bool take_change() { return std::exchange(changed_, false); }

  private:
    using Node = nodes::Roster::Node;
    using Ended = pool::CallUnderWay::Ended;
    using Verdict = pool::CallUnderWay::Verdict;

    struct Place {
        int first_worker = 0;
        Assignments assigned;
        Pieces pieces;
    };
    class Writer;

    void on_called(Node& node) override;
    void on_message(Node& node, Decoder& from) override;
    bool is_busy(const Node& node) const override { return !places_[node.index()].assigned.empty(); }
    void on_cut(Node&) override {}
    void on_missed(Node& node, const std::string& reason, std::chrono::seconds left) override;
    void on_lost(Node& node, const std::string& reason) override;
    void on_news(const std::string& text) override;
    void on_ready(std::uint32_t events) override;  // the launcher has ended

    Place& place(const Node& node) { return places_[node.index()]; }
    ActiveCall* find(const detail::Call& call) const;
    ActiveCall* find(std::uint64_t number) const;
    // The roster's.
    void take(Node&, const nodes::Hello&) {}
    void take(Node&, const nodes::Beat&) {}
    void take(Node& node, Piece& piece);
    void take(Node& node, const Ready& ready);
    void take(Node& node, Values& values);
    void take(Node& node, Failed& failed);
    void take(Node& node, Aborted& aborted);
    void take(Node& node, const Over& over);
    void take(Node& node, Broken& broken);

    void refill(ActiveCall& call);
    void dispatch();
    bool give_one(Node& node);
    void fill_no_more(ActiveCall& call);
    bool fill(Node& node, ActiveCall& call);
    void give(Node& node, Task task);
    template <class Take>
    void take_values(Node& node, const Values& values, Take take);
    Ended ended(Node& node, const Attempt& attempt, std::uint64_t first, std::uint64_t count);
    void resolve(Node& node, Task& task, std::uint64_t first, std::uint32_t count, const Verdict& verdict);
    void go_on(ActiveCall& call, const Verdict& verdict);
    void cancel(ActiveCall& call, bool stop);
    void give_again(Node& node);
    void fail_suspect(ActiveCall& call, const Task& part, const std::string& last_node);
    void finish_if_done(ActiveCall& call);
    void expect_somebody();
    void say(Node& node, const OfPool& message) { node.send(message); }

    system::EventLoop& loop_;
    Bytes description_;
    std::unordered_map<const detail::Call*, std::unique_ptr<ActiveCall>> calls_;
    std::unordered_map<std::uint64_t, ActiveCall*> by_number_;
    std::list<ActiveCall*> to_fill_;
    std::deque<Task> again_;  // of nodes that were lost
    std::uint64_t last_call_ = 0;
    BufferEncoder buffer_;
    std::vector<Place> places_;
    nodes::Roster roster_;
    nodes::Launcher launcher_;
    std::exception_ptr broken_;
    bool leaving_ = false;
    bool changed_ = false;
};

}  // namespace haid::remote
