// The engine on processes: workers, what they are doing, who waits for them.
//
// Whoever waits for a result does the engine's work meanwhile (one thread at a time; the others wait for it to say that
// something has changed), so that a result goes from the worker to its caller without a thread in between. A thread of
// the engine's own exists only once somebody wants results that he does not wait for.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "channel/attention.hpp"
#include "channel/ring.hpp"
#include "pool/dispatcher.hpp"
#include "pool/worker_source.hpp"

namespace haid::pool {

class ProcessEngine final : public detail::Engine {
  public:
    explicit ProcessEngine(detail::EngineOptions options);
    ~ProcessEngine() override;

    int workers() const override { return static_cast<int>(lanes_.size()); }
    Lock lock() override;
    void submit(Lock& lock, std::shared_ptr<detail::Call> call) override;
    void refill(Lock& lock, detail::Call& call) override;
    bool wait(Lock& lock, const std::function<bool()>& enough, std::optional<detail::Time> until) override;
    bool finished(Lock& lock, const detail::Call& call) const override;
    void cancel(Lock& lock, detail::Call& call) override;
    void in_background(Lock& lock, detail::Call& call) override;
    void later(std::function<void()> action) override;
    void close() override;
    void join() override;
    void terminate() override;

  private:
    // `cpus`: that may be used.
    ProcessEngine(detail::EngineOptions options, int cpus);

    // What the parent knows of a worker.
    struct Lane {
        Lane(channel::Segment& segment, std::size_t worker) : ring(segment, worker) {}
        channel::RingReader ring;
        std::vector<std::byte> pieces;  // of a value that is larger than a frame
        std::uint64_t last_task = 0;    // of the last frame, …
        std::uint32_t last_end = 0;     // … and the item behind its items
        bool alive = false;
        std::exception_ptr ended_for;  // why we are ending it
        std::optional<detail::Time> start_again;
        std::uint32_t barren_starts = 0;  // one after another, in which nothing was run
    };
    // An item that a worker runs, with its place in time.
    struct RunningItem {
        std::uint64_t task;
        std::uint64_t progress;
        detail::Time since;
    };

    bool is_ours() const;
    void require_ours() const;
    bool step();
    bool read_results(std::size_t worker);
    void read_frame(std::size_t worker, const channel::Frame& frame);
    bool take_deaths();
    void bury(const Death& death);
    void recover(std::size_t worker, const Death& death);
    void start_worker(std::size_t worker);
    void restart_workers(detail::Time now);
    bool split();
    void end_overdue(detail::Time now);
    std::optional<RunningItem> timed_item(std::size_t worker) const;
    std::optional<detail::Time> next_event() const;
    void drive(Lock& lock, std::optional<detail::Time> until);
    bool nothing_new() const;
    void fail(const std::exception_ptr& error);
    void changed();
    bool all_idle() const;
    void dismiss_workers();
    void work_in_background();

    // That made it, by a number that no other one finds: a child of it must leave everything alone.
    std::uint64_t process_;
    detail::EngineOptions options_;
    channel::Segment segment_;
    channel::ParentSleep sleep_;
    Dispatcher dispatcher_;
    std::vector<Lane> lanes_;
    std::unique_ptr<WorkerSource> source_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int waiting_ = 0;      // threads on `changed_`
    bool driven_ = false;  // some thread does the work
    bool closed_ = false;
    bool terminated_ = false;
    std::exception_ptr broken_;
    detail::Time look_for_deaths_{};
    std::uint64_t kills_before_;  // by the out-of-memory killer

    std::deque<std::function<void()>> actions_;
    int running_actions_ = 0;
    bool stop_background_ = false;
    std::unique_ptr<std::thread> background_;
};

}  // namespace haid::pool
