// Which task goes out when, and what a result or a failure means for its call. Knows calls and the shared memory they
// go through; knows no process. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "channel/board.hpp"
#include "haid/detail/pool/call.hpp"
#include "pool/arena.hpp"
#include "pool/ledger.hpp"

namespace haid::pool {

class Dispatcher {
  public:
    // `at_rest`: as the Arena's.
    Dispatcher(channel::Segment& segment, std::function<void()> at_rest);

    void add(std::shared_ptr<detail::Call> call, bool in_background);
    ActiveCall* find(const detail::Call& call) const;
    bool idle() const { return calls_.empty(); }
    // Calls in the background that have not finished.
    std::uint64_t background_calls() const { return background_calls_; }
    // Calls with a time limit for each item, the shortest first.
    std::optional<std::chrono::nanoseconds> shortest_timeout() const;

    // Hands out what there is to be handed out now, and tells calls that have ended so. Whether there was anything.
    bool dispatch(detail::Time now);
    // When a failed item is to be tried again.
    std::optional<detail::Time> next() const;
    // An idle worker and nothing on the board: unclaimed items of a running task could be given to it.
    bool could_split() const;
    // Calls that were cancelled and have not ended: workers may still hold items of them that have not begun.
    bool any_cancelled() const { return cancelled_calls_ > 0; }

    // -- what became of a task; one that is not known any more is ignored
    void values(std::uint64_t task, std::uint32_t first, std::uint32_t count, Decoder from, std::uint64_t nanoseconds,
                int worker);
    // One that came in pieces; the call may take the memory over.
    void large_value(std::uint64_t task, std::uint32_t item, std::vector<std::byte>& bytes, std::uint64_t nanoseconds,
                     int worker);
    void failed(std::uint64_t task, std::uint32_t item, const std::exception_ptr& error, std::uint64_t nanoseconds,
                int worker);
    // A worker has died of it, or with it, before it began an item. Whether it is to be blamed: not the first times,
    // for somebody else may have ended the worker; at once where an earlier task of the call was to be.
    bool ended_a_worker(std::uint64_t task);
    // These items have not begun, and nobody will begin them: somebody else is to.
    void hand_out_again(const channel::Unstarted& range);
    // What the worker had claimed when it died, and not yet made its own.
    std::optional<channel::Unstarted> claimed_by(std::size_t worker) { return board_.claimed_by(worker); }
    const Task* task(std::uint64_t number) const { return ledger_.find(number); }

    // Items that no worker has taken are given up. For those in workers see Workforce::withdraw.
    void cancel(ActiveCall& call);
    void abort_all(const std::exception_ptr& error);

  private:
    struct Again {
        std::uint64_t task;
        std::uint32_t item;
    };
    class Writer;

    bool fill(ActiveCall& call);
    bool has_enough(const ActiveCall& call) const;
    void post(std::uint64_t number, std::uint32_t from, std::uint32_t to);
    bool post_waiting(detail::Time now);
    // `take` gives values to the call, and says how many.
    template <class Take>
    void take_values(std::uint64_t number, std::uint32_t first, std::uint32_t count, std::uint64_t nanoseconds,
                     int worker, Take take);
    void resolve(std::uint64_t number, std::uint32_t items);
    void free_input(const Task& task);
    bool no_more_input(ActiveCall& call);
    bool finish_ended();

    channel::Segment& segment_;
    channel::BoardWriter board_;
    Arena arena_;
    BufferEncoder buffer_;  // for inputs whose size is not known beforehand
    Ledger ledger_;
    std::unordered_map<const detail::Call*, std::unique_ptr<ActiveCall>> calls_;
    std::list<ActiveCall*> to_fill_;
    std::vector<ActiveCall*> ended_;  // all resolved; to be told so
    std::multiset<std::chrono::nanoseconds> timeouts_;
    std::uint64_t background_calls_ = 0;
    std::uint64_t cancelled_calls_ = 0;
    std::vector<channel::Unstarted> waiting_;  // for room on the board
    std::multimap<detail::Time, Again> again_;
};

}  // namespace haid::pool
