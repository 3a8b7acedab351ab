// The engine on processes: calls, and who waits for them.
//
// Whoever waits for a result does the engine's work meanwhile (one thread at a time; the others wait for it to say that
// something has changed), so that a result goes from the worker to its caller without a thread in between. A thread of
// the engine's own exists only once somebody wants results that he does not wait for.
#pragma once

#include <memory>
#include <thread>

#include "channel/attention.hpp"
#include "pool/dispatcher.hpp"
#include "pool/engine_base.hpp"
#include "pool/workforce.hpp"

namespace haid::pool {

class ProcessEngine final : public EngineBase {
  public:
    explicit ProcessEngine(const detail::EngineOptions& options);
    ~ProcessEngine() override;

    int workers() const override { return static_cast<int>(workers_.size()); }
    std::vector<int> worker_pids() override;
    void submit(Lock& lock, std::shared_ptr<detail::Call> call, Driver driver) override;
    void refill(Lock& lock, detail::Call& call) override;
    bool wait(Lock& lock, const std::function<bool()>& enough, std::optional<detail::Time> until) override;
    bool finished(Lock& lock, const detail::Call& call) const override;
    void cancel(Lock& lock, detail::Call& call) override;
    void stop(Lock& lock, detail::Call& call) override;

  private:
    void tell_cpus();
    bool step();
    void drive(Lock& lock, std::optional<detail::Time> until);
    bool idle() const override { return dispatcher_.idle(); }
    void leave(Lock& lock) override;
    void end(Lock guard) override;
    void start_background();
    void work_in_background();
    void end_background(Lock& lock);

    int cpus_;  // that may be used; 0: still to be found out
    channel::Segment segment_;
    channel::ParentSleep sleep_;
    Dispatcher dispatcher_;
    Workforce workers_;

    bool driven_ = false;  // some thread does the work
    bool stop_background_ = false;
    std::unique_ptr<std::thread> background_;
};

}  // namespace haid::pool
