#include "remote/engine.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "nodes/allocation.hpp"
#include "pool/engine_base.hpp"
#include "remote/coordinator.hpp"
#include "system/error.hpp"
#include "system/resources.hpp"
#include "system/tell.hpp"
#include "system/thread.hpp"
#include "system/timer.hpp"

namespace haid::remote {
namespace {

using detail::Call;
using detail::Time;
using system::Clock;

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds tick_every{500};
constexpr std::chrono::milliseconds meanwhile_every{100};
// So long after the pool was ended its hosts are ended by the launcher, and some time later that is.
constexpr std::chrono::seconds patience_at_the_end{5};
constexpr std::chrono::seconds patience_with_the_launcher{5};

// Two threads: one drives the loop, with the lock held except while nothing happens; one calls what was to be called
// later, which may take its time. Callers use the coordinator themselves, under the same lock.
class NodesEngine final : public pool::EngineBase {
  public:
    explicit NodesEngine(const EngineSettings& settings)
        : coordinator_(loop_, settings.plan, settings.command, settings.build, settings.description) {
        ticker_.emplace(loop_, tick_every, [this] { tick(); });
        caller_ = system::start_thread("the pool's callbacks", [this] { call_actions(); });
        try {
            driver_ = system::start_thread("the pool's nodes", [this] { drive(); });
        } catch (...) {
            {
                Lock guard(mutex_);
                gone_ = true;
                changed();
            }
            caller_.join();
            throw;
        }
    }
    ~NodesEngine() override {
        end(Lock(mutex_));
        driver_.join();
        caller_.join();
    }

    // At first: throws where no host comes.
    void wait_for_hosts(const std::function<void()>& meanwhile) {
        Lock guard(mutex_);
        while (!wait(
            guard, [this] { return coordinator_.complete() || coordinator_.broken(); },
            Clock::now() + meanwhile_every)) {
            guard.unlock();
            meanwhile();
            guard.lock();
        }
        if (coordinator_.broken()) std::rethrow_exception(coordinator_.broken());
    }

    int workers() const override {
        owner_.require_this_process();
        Lock guard(mutex_);
        return coordinator_.workers();
    }
    std::vector<int> worker_pids() override { return {}; }
    void submit(Lock&, std::shared_ptr<Call> call, Driver) override {
        require_open(coordinator_.broken());
        coordinator_.add(std::move(call));
        tell();
    }
    void refill(Lock&, Call& call) override {
        coordinator_.refill(call);
        tell();
    }
    bool wait(Lock& lock, const std::function<bool()>& enough, std::optional<Time> until) override {
        while (!enough()) {
            if (!wait_for_change(lock, until)) return enough();
        }
        return true;
    }
    bool finished(Lock&, const Call& call) const override { return !coordinator_.knows(call); }
    void cancel(Lock&, Call& call) override {
        coordinator_.cancel(call, false);
        tell();
    }
    void stop(Lock&, Call& call) override {
        coordinator_.cancel(call, true);
        tell();
    }

  private:
    bool idle() const override { return coordinator_.idle(); }
    void leave(Lock& lock) override {
        if (!ended_) say_goodbye(false);
        while (!gone_) wait_for_change(lock, std::nullopt);
    }
    void end(Lock lock) override {
        if (!end_by_) {
            coordinator_.abort_all(cut_short());
            say_goodbye(true);
            tell();
        }
        // Where this process ended before, the launcher would be ended with it, and complain.
        while (!gone_) wait_for_change(lock, std::nullopt);
    }

    void say_goodbye(bool at_once) {
        ended_ = true;
        if (at_once) end_by_ = Clock::now() + (coordinator_.anybody() ? patience_at_the_end : 0s);
        coordinator_.say_goodbye(at_once);
    }

    void tell() {
        if (coordinator_.take_change()) changed();
    }

    void tick() {
        coordinator_.tick();
        if (!ended_) return;
        if (!end_by_ && !coordinator_.anybody()) end_by_ = Clock::now() + patience_at_the_end;
        if (!end_by_ || Clock::now() < *end_by_) return;
        coordinator_.end_launcher(Clock::now() < *end_by_ + patience_with_the_launcher ? SIGTERM : SIGKILL);
    }

    void drive() {
        for (;;) {
            pollfd ready{loop_.fd(), POLLIN, 0};
            system::uninterrupted([&] { return ::poll(&ready, 1, -1); });
            Lock guard(mutex_);
            try {
                loop_.wait(Clock::now());
            } catch (...) {
                coordinator_.fail(std::current_exception());
            }
            if (ended_ && coordinator_.deserted()) {
                gone_ = true;
                changed();
                return;
            }
            tell();
        }
    }

    void call_actions() {
        Lock guard(mutex_);
        while (actions_.any() || !gone_) {
            if (actions_.any()) {
                actions_.call_next(guard);
                changed();
            } else {
                wait_for_change(guard, std::nullopt);
            }
        }
    }

    system::EventLoop loop_;
    Coordinator coordinator_;
    std::optional<system::Ticker> ticker_;
    std::optional<system::Time> end_by_;
    bool gone_ = false;  // the hosts, and with them the thread that drives
    std::thread driver_;
    std::thread caller_;
};

}  // namespace

std::unique_ptr<detail::Engine> make_engine(const EngineSettings& settings, const std::function<void()>& meanwhile) {
    auto engine = std::make_unique<NodesEngine>(settings);
    engine->wait_for_hosts(meanwhile);
    return engine;
}

namespace {

nodes::Allocation allocation_for(const std::string& nodes) {
    if (nodes != "slurm") {
        throw std::invalid_argument(
            fmt::format("nodes is '{}', but can be 'slurm' (all nodes of the Slurm job) or nothing", nodes));
    }
    auto allocation = nodes::find_allocation(system::ResourceFacts::of_this_process());
    if (!allocation)
        throw std::invalid_argument("nodes is 'slurm', but this is no Slurm job (SLURM_JOB_ID is not set)");
    return *allocation;
}

}  // namespace

bool spans_nodes(const std::string& nodes) {
    return nodes::has_other_nodes(allocation_for(nodes), system::ResourceFacts::of_this_process());
}

nodes::LaunchPlan plan_for(const std::string& nodes) {
    nodes::Allocation allocation = allocation_for(nodes);
    const std::string left_out = nodes::components_left_out(system::ResourceFacts::of_this_process());
    if (!left_out.empty()) system::tell("haid: {}\n", left_out);
    if (allocation.nodes.size() > 1) nodes::leave_out_lost_nodes(allocation, nodes::look_at_own_job());
    try {
        return nodes::start_with_srun(allocation, std::filesystem::current_path().string());
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(fmt::format("{}; a pool without nodes keeps to this node", error.what()));
    }
}

}  // namespace haid::remote
