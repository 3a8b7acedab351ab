#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <vector>

#include "haid/detail/pool/current_item.hpp"
#include "pool/call_under_way.hpp"
#include "pool/engine_base.hpp"
#include "pool/options.hpp"
#include "schedule/retries.hpp"
#include "system/resources.hpp"
#include "system/thread.hpp"

namespace haid::pool {
namespace {

using detail::Call;
using detail::LocalTask;
using detail::Time;

// The engine on threads of this process. For work that waits: an item is a task unless the call says otherwise, and any
// lock is cheap beside it.
class ThreadEngine final : public EngineBase {
  public:
    explicit ThreadEngine(const PoolOptions& options) : initializer_(options.initializer) {
        check_for_threads(options);
        const int count = options.workers > 0 ? options.workers
                                              : system::cpu_resources(system::ResourceFacts::of_this_process()).usable;
        try {
            while (static_cast<int>(threads_.size()) < count) {
                const auto number = static_cast<int>(threads_.size());
                threads_.push_back(system::start_thread("a ThreadPool's work", [this, number] { work(number); }));
            }
        } catch (...) {
            end(Lock(mutex_));
            join_threads();
            throw;
        }
    }

    ~ThreadEngine() override {
        end(Lock(mutex_));
        join_threads();
    }

    int workers() const override { return static_cast<int>(threads_.size()); }
    std::vector<int> worker_pids() override { return std::vector<int>(threads_.size()); }

    void submit(Lock&, std::shared_ptr<Call> call, Driver) override {
        require_open(broken_);
        if (call->limits().timeout.count() > 0) {
            throw std::invalid_argument("a time limit for each item needs a Pool: a thread cannot be ended");
        }
        auto active = std::make_unique<Active>(std::move(call));
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
    // A thread of ours that waits for a call of its own works on it: all of them may be waiting.
    bool wait(Lock& lock, const std::function<bool()>& enough, std::optional<Time> until) override {
        const std::optional<std::thread::id> ours =
            here.engine == this ? std::optional(std::this_thread::get_id()) : std::nullopt;
        while (!enough()) {
            if (ours && run_one(lock, ours)) continue;
            // What had nothing left to run is finished now, and nobody else will say so.
            if (ours && enough()) return true;
            std::optional<Time> wake = until;
            if (const auto again = ours ? next_again(ours) : std::nullopt) {
                wake = until ? std::min(*until, *again) : again;
            }
            if (!wait_for_change(lock, wake) && wake == until) return enough();
        }
        return true;
    }
    bool finished(Lock&, const Call& call) const override { return !calls_.contains(&call); }
    void cancel(Lock&, Call& call) override {
        if (Active* active = find(call)) {
            give_up(*active);
            finish_if_done(*active);
        }
    }
    void later(std::function<void()> action) override {
        actions_.add(std::move(action));
        work_.notify_one();
    }

  private:
    struct Active : CallUnderWay {
        using CallUnderWay::CallUnderWay;

        std::thread::id submitter;
        std::uint32_t unfinished = 0;  // tasks that run, or are to run again
    };
    // A task that a thread runs, and its items' attempt.
    struct Part {
        Active* active;
        std::unique_ptr<LocalTask> task;
        std::uint64_t attempt = 1;
    };
    // What has become of the items that were run: the others are given up.
    struct Outcome {
        std::uint32_t run = 0;
        std::vector<std::uint32_t> failed;
        std::vector<std::chrono::nanoseconds> took;  // of each, if somebody wants to know
    };

    // -- the ends of it

    bool idle() const override { return calls_.empty(); }
    void leave(Lock& lock) override {
        ended_ = true;
        work_.notify_all();
        lock.unlock();
        join_threads();
        lock.lock();
    }
    // What runs cannot be ended: its result is dropped.
    void end(Lock) override {
        if (std::exchange(ended_, true)) return;
        abort_all(cut_short());
        work_.notify_all();
    }
    void join_threads() {
        for (std::thread& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }

    // What runs goes on, and a call ends with it: it may read what belongs to the caller.
    void abort_all(const std::exception_ptr& error) {
        std::vector<Active*> all;
        all.reserve(calls_.size());
        for (auto& [key, active] : calls_) all.push_back(active.get());
        for (Active* active : all) {
            active->call->aborted(error);
            give_up(*active);
            finish_if_done(*active);
        }
        changed();
    }

    // -- calls

    Active* find(const Call& call) const {
        auto found = calls_.find(&call);
        return found == calls_.end() ? nullptr : found->second.get();
    }
    void give_up(Active& active) {
        active.cancelled = true;
        active.call->give_up();
        active.unfinished -= static_cast<std::uint32_t>(
            std::erase_if(again_, [&](const auto& entry) { return entry.second.active == &active; }));
    }
    void finish_if_done(Active& active) {
        if (active.unfinished > 0 || !(active.cancelled || active.call->exhausted())) return;
        std::erase(to_take_, &active);
        std::unique_ptr<Active> last = std::move(calls_.find(active.call.get())->second);
        calls_.erase(active.call.get());
        last->call->finished();
        changed();
    }

    // -- the threads

    void work(int number) {
        here = {this, number};
        try {
            if (initializer_) initializer_();
        } catch (...) {
            Lock guard(mutex_);
            if (!broken_) broken_ = std::current_exception();
            abort_all(broken_);
        }
        Lock guard(mutex_);
        while (true) {
            if (actions_.any()) {
                actions_.call_next(guard);
                changed();
            } else if (!run_one(guard)) {
                if (ended_) return;
                if (const auto again = next_again()) {
                    work_.wait_until(guard, *again);
                } else {
                    work_.wait(guard);
                }
            }
        }
    }

    // Runs something, of calls that `only` has submitted or of any.
    bool run_one(Lock& guard, std::optional<std::thread::id> only = std::nullopt) {
        std::optional<Part> part = part_again(only);
        if (!part) part = next_part(only);
        if (!part) return false;
        run(guard, *part);
        return true;
    }

    bool is_for(std::optional<std::thread::id> only, const Active& active) const {
        return !only || active.submitter == *only;
    }

    std::optional<Part> next_part(std::optional<std::thread::id> only) {
        for (std::size_t tried = to_take_.size(); tried > 0 && !to_take_.empty(); --tried) {
            // One task of each in turn: a short call does not wait behind a long one.
            Active* active = to_take_.front();
            to_take_.pop_front();
            if (!is_for(only, *active)) {
                to_take_.push_back(active);
                continue;
            }
            std::unique_ptr<LocalTask> task;
            const std::uint32_t chunk = std::max(active->limits().chunk_size, 1U);
            if (!active->cancelled) task = active->call->take(chunk);
            bool more = !active->cancelled && !active->call->exhausted();
            if (more) to_take_.push_back(active);
            if (task != nullptr) {
                ++active->unfinished;
                return Part{active, std::move(task)};
            }
            if (!more) finish_if_done(*active);
        }
        return std::nullopt;
    }

    // An item that has failed and whose pause is over.
    std::optional<Part> part_again(std::optional<std::thread::id> only) {
        if (again_.empty()) return std::nullopt;
        const Time now = detail::Clock::now();
        for (auto at = again_.begin(); at != again_.end() && at->first <= now; ++at) {
            if (is_for(only, *at->second.active)) return std::move(again_.extract(at).mapped());
        }
        return std::nullopt;
    }
    std::optional<Time> next_again(std::optional<std::thread::id> only = std::nullopt) const {
        const auto next = std::find_if(again_.begin(), again_.end(),
                                       [&](const auto& entry) { return is_for(only, *entry.second.active); });
        return next == again_.end() ? std::nullopt : std::optional(next->first);
    }

    void run(Lock& guard, const Part& part) {
        Active& active = *part.active;
        Outcome outcome;
        guard.unlock();
        run_items(part, outcome);
        guard.lock();
        std::uint32_t from = 0;
        for (const std::uint32_t failed : outcome.failed) {
            settle_values(part, outcome, from, failed);
            settle_failure(part, outcome, failed);
            from = failed + 1;
        }
        settle_values(part, outcome, from, outcome.run);
        --active.unfinished;
        finish_if_done(active);
        changed();
    }

    static void run_items(const Part& part, Outcome& outcome) {
        const Call& call = *part.active->call;
        const detail::Limits& limits = call.limits();
        const bool is_last = part.attempt > limits.retries;
        const bool is_timed = call.listener() != nullptr;
        const std::uint32_t items = part.task->size();
        detail::CurrentItem current;
        for (std::uint32_t item = 0; item < items && !call.is_given_up(); ++item) {
            current.is(limits.first_index + part.task->first() + item);
            const Time begun = is_timed ? detail::Clock::now() : Time();
            const bool succeeded = part.task->run(item);
            if (is_timed) outcome.took.push_back(detail::Clock::now() - begun);
            ++outcome.run;
            if (succeeded) continue;
            outcome.failed.push_back(item);
            if (is_last && limits.stop_at_failure) return;
        }
    }

    static CallUnderWay::Ended ended(const Part& part, const Outcome& outcome, std::uint32_t from, std::uint32_t to) {
        CallUnderWay::Ended ended{part.task->first() + from, to - from};
        ended.worker = here.number;
        if (outcome.took.empty()) return ended;
        for (std::uint32_t item = from; item < to; ++item) ended.took += outcome.took[item];
        return ended;
    }

    void settle_values(const Part& part, const Outcome& outcome, std::uint32_t from, std::uint32_t to) {
        if (from == to) return;
        const auto verdict = part.active->values(ended(part, outcome, from, to), [&](Call&, std::uint32_t& decoded) {
            part.task->give(from, to);
            decoded = to - from;
        });
        if (!verdict.goes_on) give_up(*part.active);
    }

    void settle_failure(const Part& part, const Outcome& outcome, std::uint32_t item) {
        const auto verdict = part.active->failed(ended(part, outcome, item, item + 1), part.task->error(item));
        if (verdict.again_after) try_again(part, item, detail::Clock::now() + *verdict.again_after);
        if (!verdict.goes_on) give_up(*part.active);
    }

    void try_again(const Part& part, std::uint32_t item, Time when) {
        Active& active = *part.active;
        try {
            again_.emplace(when, Part{&active, part.task->again(item), part.attempt + 1});
            ++active.unfinished;
            work_.notify_one();  // who waits for work waits no longer than that
        } catch (...) {
            // As where a result cannot be taken.
            active.call->aborted(std::current_exception());
            give_up(active);
        }
    }

    // Which engine's thread this is, and which of them.
    struct Here {
        const ThreadEngine* engine = nullptr;
        int number = -1;
    };
    static thread_local Here here;

    std::condition_variable work_;
    std::unordered_map<const Call*, std::unique_ptr<Active>> calls_;
    std::deque<Active*> to_take_;      // may have more items
    std::multimap<Time, Part> again_;  // by when
    std::exception_ptr broken_;
    const std::function<void()> initializer_;
    std::vector<std::thread> threads_;
};

thread_local ThreadEngine::Here ThreadEngine::here;

}  // namespace
}  // namespace haid::pool

namespace haid::detail {

std::unique_ptr<Engine> Engine::of_threads(const PoolOptions& options) {
    return std::make_unique<pool::ThreadEngine>(options);
}

}  // namespace haid::detail
