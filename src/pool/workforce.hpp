// The workers as their parent sees them: what they tell, what their deaths mean, which of their items are overdue.
// Tells the dispatcher what became of items; knows no caller. Not thread-safe.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "channel/ring.hpp"
#include "pool/dispatcher.hpp"
#include "pool/worker_source.hpp"

namespace haid::pool {

class Workforce {
  public:
    // Starts them all.
    Workforce(Dispatcher& dispatcher, const WorkerSettings& settings);

    std::size_t size() const { return lanes_.size(); }
    // Why no worker will do anything any more, as every call has been told; nullptr: they work.
    const std::exception_ptr& broken() const { return broken_; }

    // -- a round of work; each says whether there was anything
    bool read_results();
    // Deaths now and then, items that are overdue, workers that are to be started again.
    bool look_after(detail::Time now);
    // Until now this process, and mostly its workers, stood still for so long (it was stopped, its container frozen,
    // the machine asleep): no item's time limit counts that.
    void stood_still(detail::Clock::duration pause);
    // Deaths: for whoever was told that there is news of them.
    bool take_deaths();
    // Gives the end of a task that has much left to the workers that have nothing.
    bool split();
    // Takes back what workers have of calls that were cancelled and have not begun.
    bool withdraw();
    // The arena rests.
    void tell_of_rest() {
        if (source_) source_->tell_of_rest();
    }
    // Ends the workers that run items of a call that was cancelled.
    void end_items_of(const ActiveCall& call);

    // -- between the rounds
    bool nothing_new() const;
    // When there will be something to look after, whatever the workers tell.
    std::optional<detail::Time> next_event() const;
    // What becomes readable when one has died.
    void add_descriptors(std::vector<pollfd>& descriptors) const { source_->add_descriptors(descriptors); }

    // -- the end
    // Whether every worker would leave at once if it was told to.
    bool all_idle() const;
    void replace_no_more() { leaving_ = true; }
    // They leave; what still runs after that time is ended. nullopt: however long it takes.
    void end(std::optional<std::chrono::milliseconds> patience);
    // They are those of the process that this one was forked from.
    void forget() { static_cast<void>(source_.release()); }

  private:
    // An item that a worker runs, with its place in time.
    struct RunningItem {
        std::uint64_t task;
        std::uint64_t progress;
        detail::Time since;
    };

    struct Lane {
        Lane(channel::Segment& segment, std::size_t worker) : ring(segment, worker) {}
        channel::RingReader ring;
        std::vector<std::byte> pieces;      // of a value that is larger than a frame
        std::uint64_t last_task = 0;        // of the last frame, …
        std::uint16_t last_generation = 0;  // … of the range that it belongs to, …
        std::uint32_t last_end = 0;         // … and the item behind its items
        bool alive = false;
        std::exception_ptr ended_for;        // why we are ending it
        std::optional<RunningItem> excused;  // its item counts from there: in between this process stood still
        std::optional<detail::Time> start_again;
        bool has_run = false;              // an item, since it was started
        std::uint32_t barren_starts = 0;   // one after another, in which it did not get ready
        std::uint32_t idle_deaths = 0;     // one after another, of it ready and without having run an item
        std::uint32_t refused_starts = 0;  // one after another: there was no process or descriptor for it
    };
    bool read(std::size_t worker);
    const channel::Frame* next_frame(std::size_t worker);
    void read_frame(std::size_t worker, const channel::Frame& frame);
    void bury(const Death& death);
    void recover(std::size_t worker, const Death& death);
    void recover_task(std::size_t worker, std::uint64_t number, const Death& death);
    void give_up(std::size_t worker, const channel::Unstarted& range, const Death& death);
    // `did`: what it did with the item when it died.
    std::exception_ptr lost(std::size_t worker, const Death& death, const char* did, std::uint64_t item) const;
    void not_started(std::size_t worker, int error);
    bool anybody_lives() const;
    void replace(std::size_t worker);
    void start(std::size_t worker);
    std::optional<RunningItem> timed_item(std::size_t worker) const;
    void end_overdue(detail::Time now);
    void fail(const std::exception_ptr& error);
    void dismiss();
    bool leave_within(std::chrono::milliseconds patience);

    channel::Segment& segment_;
    Dispatcher& dispatcher_;
    std::vector<Lane> lanes_;
    std::unique_ptr<WorkerSource> source_;
    bool leaving_ = false;
    bool told_of_refusal_ = false;
    std::exception_ptr broken_;
    detail::Time look_for_deaths_{};
    std::uint64_t kills_before_ = 0;  // by the out-of-memory killer
};

}  // namespace haid::pool
