#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <vector>

#include "channel/layout.hpp"
#include "haid/detail/pool/call.hpp"
#include "haid/error.hpp"
#include "pool/options.hpp"
#include "pool/owner.hpp"
#include "system/resources.hpp"
#include "system/thread.hpp"

namespace haid::pool {
namespace {

using detail::Call;
using detail::LocalTask;

// The engine on threads of this process. For work that waits: an item is a task unless the call says otherwise, and any
// lock is cheap beside it.
class ThreadEngine final : public detail::Engine {
  public:
    explicit ThreadEngine(const PoolOptions& options) : initializer_(options.initializer) {
        check_for_threads(options);
        const int count = options.workers > 0 ? options.workers
                                              : system::cpu_resources(system::ResourceFacts::of_this_process()).usable;
        try {
            while (static_cast<int>(threads_.size()) < count) {
                threads_.push_back(system::start_thread("a ThreadPool's work", [this] { work(); }));
            }
        } catch (...) {
            end(Lock(mutex_));
            for (std::thread& thread : threads_) thread.join();
            throw;
        }
    }

    ~ThreadEngine() override {
        end(Lock(mutex_));
        for (std::thread& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }

    int workers() const override { return static_cast<int>(threads_.size()); }
    std::vector<int> worker_pids() override { return std::vector<int>(threads_.size()); }
    Lock lock() override {
        owner_.require_this_process();
        return Lock(mutex_);
    }

    void submit(Lock&, std::shared_ptr<Call> call, Driver) override {
        if (broken_) std::rethrow_exception(broken_);
        if (closed_ || terminated_) throw PoolClosed("this pool was closed: it takes no more work");
        if (call->limits().timeout.count() > 0) {
            throw std::invalid_argument("a time limit for each item needs a Pool: a thread cannot be ended");
        }
        auto active = std::make_unique<Active>();
        active->call = std::move(call);
        active->submitter = std::this_thread::get_id();
        to_take_.push_back(active.get());
        const Call* key = active->call.get();
        calls_.emplace(key, std::move(active));
        work_.notify_all();
    }
    void refill(Lock&, Call& call) override {
        if (Active* active = find(call)) finish_if_done(*active);
        work_.notify_all();
    }
    bool wait(Lock& lock, const std::function<bool()>& enough, std::optional<detail::Time> until) override {
        for (;;) {
            if (enough()) return true;
            // A thread of ours that waits for a call of its own works on it: all of them may be waiting.
            if (worker_of == this) {
                if (run_one(lock, std::this_thread::get_id())) continue;
                // What had nothing left to run is finished now, and nobody else will say so.
                if (enough()) return true;
            }
            if (!until) {
                changed_.wait(lock);
            } else if (changed_.wait_until(lock, *until) == std::cv_status::timeout) {
                return enough();
            }
        }
    }
    bool finished(Lock&, const Call& call) const override { return !calls_.contains(&call); }
    void cancel(Lock&, Call& call) override {
        if (Active* active = find(call)) {
            active->give_up();
            finish_if_done(*active);
        }
    }
    void later(std::function<void()> action) override {
        actions_.push_back(std::move(action));
        work_.notify_one();
    }

    void close() override {
        Lock guard = lock();
        closed_ = true;
    }
    void join() override {
        Lock guard = lock();
        if (!closed_ && !terminated_) throw Error("join() needs close() or terminate() before it");
        changed_.wait(guard, [this] { return calls_.empty() && actions_.empty() && running_ == 0; });
        terminated_ = true;
        work_.notify_all();
        guard.unlock();
        for (std::thread& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }
    // What runs cannot be ended: its result is dropped.
    void terminate() override { end(lock()); }

  private:
    void end(const Lock&) {
        if (terminated_) return;
        terminated_ = true;
        abort_all(std::make_exception_ptr(PoolClosed("the pool was ended before this was done")));
        work_.notify_all();
    }

    struct Active {
        std::shared_ptr<Call> call;
        std::uint32_t running = 0;  // tasks
        std::thread::id submitter;
        bool cancelled = false;

        void give_up() {
            cancelled = true;
            call->give_up();
        }
    };

    Active* find(const Call& call) const {
        auto found = calls_.find(&call);
        return found == calls_.end() ? nullptr : found->second.get();
    }

    void work() {
        worker_of = this;
        try {
            if (initializer_) initializer_();
        } catch (...) {
            Lock guard(mutex_);
            if (!broken_) broken_ = std::current_exception();
            abort_all(broken_);
        }
        Lock guard(mutex_);
        while (true) {
            if (!actions_.empty()) {
                std::function<void()> action = std::move(actions_.front());
                actions_.pop_front();
                ++running_;
                guard.unlock();
                action();
                action = nullptr;
                guard.lock();
                --running_;
                changed_.notify_all();
            } else if (!run_one(guard)) {
                if (terminated_) return;
                work_.wait(guard);
            }
        }
    }

    // Runs a task, of calls that `only` has submitted or of any.
    bool run_one(Lock& guard, std::optional<std::thread::id> only = std::nullopt) {
        for (std::size_t tried = to_take_.size(); tried > 0 && !to_take_.empty(); --tried) {
            // One task of each in turn: a short call does not wait behind a long one.
            Active* active = to_take_.front();
            to_take_.pop_front();
            if (only && active->submitter != *only) {
                to_take_.push_back(active);
                continue;
            }
            std::unique_ptr<LocalTask> task;
            const std::uint32_t chunk = std::max(active->call->limits().chunk_size, 1U);
            if (!active->cancelled) task = active->call->take(chunk);
            bool more = !active->cancelled && !active->call->exhausted();
            if (more) to_take_.push_back(active);
            if (task == nullptr) {
                if (!more) finish_if_done(*active);
                continue;
            }
            run(guard, *active, *task);
            return true;
        }
        return false;
    }

    void run(Lock& guard, Active& active, LocalTask& task) {
        ++active.running;
        ++running_;
        std::shared_ptr<Call> call = active.call;
        guard.unlock();
        task.run();
        guard.lock();
        --running_;
        bool failed = false;
        Active* still = find(*call);
        if (still != nullptr) {
            if (!still->cancelled) task.settle(failed);
            if (failed && call->limits().stop_at_failure) still->give_up();
            --still->running;
            finish_if_done(*still);
        }
        changed_.notify_all();
    }

    void finish_if_done(Active& active) {
        if (active.running > 0 || !(active.cancelled || active.call->exhausted())) return;
        std::erase(to_take_, &active);
        std::unique_ptr<Active> last = std::move(calls_.find(active.call.get())->second);
        calls_.erase(active.call.get());
        last->call->finished();
        changed_.notify_all();
    }

    // What runs goes on, and a call ends with it: it may read what belongs to the caller.
    void abort_all(const std::exception_ptr& error) {
        std::vector<Active*> all;
        all.reserve(calls_.size());
        for (auto& [key, active] : calls_) all.push_back(active.get());
        for (Active* active : all) {
            active->call->aborted(error);
            active->give_up();
            finish_if_done(*active);
        }
        changed_.notify_all();
    }

    static thread_local const ThreadEngine* worker_of;

    Owner owner_;
    std::function<void()> initializer_;
    mutable std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable changed_;
    std::unordered_map<const Call*, std::unique_ptr<Active>> calls_;
    std::deque<Active*> to_take_;  // may have more items
    std::deque<std::function<void()>> actions_;
    int running_ = 0;
    bool closed_ = false;
    bool terminated_ = false;
    std::exception_ptr broken_;
    std::vector<std::thread> threads_;
};

thread_local const ThreadEngine* ThreadEngine::worker_of = nullptr;

}  // namespace
}  // namespace haid::pool

namespace haid::detail {

std::unique_ptr<Engine> Engine::of_threads(const PoolOptions& options) {
    return std::make_unique<pool::ThreadEngine>(options);
}

}  // namespace haid::detail
