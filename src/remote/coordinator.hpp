// Which items of which call go to which node, and what becomes of them.
//
// A node is given as many items at a time as keep its workers busy for some tens of milliseconds, in tasks, which its
// own pool spreads over them: neither a slow network nor a slow node holds up the others. Items of a node that is lost
// are given to others, when they have been ended there (nodes/roster.hpp); that is no attempt of theirs. Not
// thread-safe: whoever drives the loop and whoever calls this hold the same lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "haid/detail/pool/call.hpp"
#include "nodes/launch_plan.hpp"
#include "nodes/roster.hpp"
#include "remote/launcher.hpp"
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

    struct Active {
        std::shared_ptr<detail::Call> call;
        std::uint64_t number = 0;
        std::uint64_t next_item = 0;
        std::uint64_t open = 0;  // items given and not resolved
        double item_time = 0;    // nanoseconds an item takes a worker, smoothed; 0: not known yet
        std::uint32_t last_chunk = 1;
        std::list<Active*>::iterator to_fill;  // end(): has no more items to give
        bool cancelled = false;
        bool shared = false;  // all its tasks have `common`
        Bytes common;
        std::set<std::size_t> opened;  // nodes that know it
        std::set<std::size_t> ending;  // nodes that have yet to say that nothing of it runs there
    };
    struct Task {
        Active* call;
        std::uint64_t first;  // of item 0
        std::uint32_t from;
        std::vector<bool> open;  // from `from` on: not resolved
        std::uint32_t left;
        std::uint64_t function;
        std::uint64_t context;
        std::shared_ptr<const Bytes> input;
        double item_time;  // as it was thought to be

        std::uint64_t begin() const { return first + from; }
        std::uint64_t end() const { return begin() + open.size(); }
    };
    using Tasks = std::map<std::pair<std::uint64_t, std::uint64_t>, Task>;  // by call's number and first item to run
    struct Place {
        bool ready = false;
        int workers = 0;
        int first_worker = 0;
        Tasks tasks;
        std::uint64_t items = 0;  // given and not resolved
        double work = 0;          // nanoseconds that they will take its workers, as far as that is known
        Pieces pieces;
    };
    class Writer;

    void on_called(Node& node) override;
    void on_message(Node& node, Decoder& from) override;
    bool is_busy(const Node& node) const override { return !places_[node.index()].tasks.empty(); }
    void on_cut(Node& node, const std::string& reason, std::chrono::seconds left) override;
    void on_lost(Node& node, const std::string& reason) override;
    void on_news(const std::string& text) override;
    void on_ready(std::uint32_t events) override;  // the launcher has ended

    Place& place(const Node& node) { return places_[node.index()]; }
    Active* find(const detail::Call& call) const;
    Active* find(std::uint64_t number) const;
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

    void refill(Active& call);
    void dispatch();
    bool give_one(Node& node);
    void fill_no_more(Active& call);
    bool fill(Node& node, Active& call);
    void give(Node& node, Task task);
    Task* task_of(Place& place, std::uint64_t call, std::uint64_t item);
    template <class Take>
    void take_values(Place& place, const Values& values, Take take);
    void resolve(Place& place, Task& task, std::uint64_t first, std::uint32_t count);
    static void forget(Place& place, const Task& task, std::uint32_t items);
    bool has_room(const Node& node) const;
    std::uint32_t items_for_next_task(const Active& call, const Place& place) const;
    void cancel(Active& call, bool stop);
    void drop(Place& place, const Active& call);
    void take_back(Place& place);
    void finish_if_done(Active& call);
    void expect_somebody();
    void say(Node& node, const OfPool& message) { node.send(message); }

    system::EventLoop& loop_;
    Bytes description_;
    std::unordered_map<const detail::Call*, std::unique_ptr<Active>> calls_;
    std::unordered_map<std::uint64_t, Active*> by_number_;
    std::list<Active*> to_fill_;
    std::deque<Task> again_;  // of nodes that were lost
    std::uint64_t last_call_ = 0;
    BufferEncoder buffer_;
    std::vector<Place> places_;
    nodes::Roster roster_;
    Launcher launcher_;
    std::exception_ptr broken_;
    bool leaving_ = false;
    bool changed_ = false;
};

}  // namespace haid::remote
