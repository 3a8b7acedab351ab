#include "pool/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "haid/error.hpp"
#include "pool/options.hpp"
#include "system/futex.hpp"
#include "system/resources.hpp"
#include "system/thread.hpp"

namespace haid::pool {
namespace {

// An idle worker leaves within milliseconds, unless what somebody has left in it to be done at its end does not end.
constexpr std::chrono::seconds patience_with_the_idle{2};
// Workers wake whoever waits for their results. While there are calls he looks by himself so often, too: what a worker
// runs may have closed the descriptor by which it would (20 looks a second are 0.05 % of a CPU).
constexpr std::chrono::milliseconds look_anyway_every{50};
// Who wakes so much later than asked for stood still. A busy machine's lateness of tens of milliseconds is not that.
constexpr std::chrono::milliseconds stands_still_from{500};

std::size_t count_of(const detail::EngineOptions& options, int cpus) {
    check(options.pool);
    const int workers = std::min(options.pool.workers != 0 ? options.pool.workers : cpus, options.most_workers);
    if (workers < 0 || static_cast<std::size_t>(workers) > channel::most_workers) {
        throw std::invalid_argument(
            fmt::format("a pool cannot have {} workers (1 to {})", workers, channel::most_workers));
    }
    return static_cast<std::size_t>(workers);
}

int usable_cpus() {
    return system::cpu_resources(system::ResourceFacts::of_this_process()).usable;
}

}  // namespace

ProcessEngine::ProcessEngine(const detail::EngineOptions& options)
    : cpus_(options.pool.workers == 0 ? usable_cpus() : 0),
      segment_(count_of(options, cpus_)),
      sleep_(segment_),
      dispatcher_(segment_, [this] { workers_.tell_of_rest(); }),
      workers_(dispatcher_, {.segment = &segment_, .event = sleep_.event(), .engine = options}) {
    if (!options.fork_here) segment_.hand_on_no_more();
    // Takes some 100 us, in which the workers get ready.
    if (cpus_ == 0) cpus_ = usable_cpus();
    tell_cpus();
}

void ProcessEngine::tell_cpus() {
    channel::Header& header = segment_.header();
    header.several_cpus.store(cpus_ > 1);
    header.cpus.store(static_cast<std::uint32_t>(std::max(cpus_ / workers(), 1)));
    system::wake(header.cpus, system::everybody);
}

ProcessEngine::~ProcessEngine() {
    if (!owner_.is_this_process()) {
        // The workers and the thread are those of the process that this one was forked from.
        workers_.forget();
        segment_.forget();
        static_cast<void>(background_.release());
        return;
    }
    try {
        end(Lock(mutex_));
        if (!background_) return;
        {
            Lock guard(mutex_);
            stop_background_ = true;
            changed_.notify_all();
            sleep_.interrupt();
        }
        background_->join();
    } catch (...) {
        // Nothing that a destructor could do about a system that has no lock or thread any more.
        static_cast<void>(background_.release());
    }
}

std::vector<int> ProcessEngine::worker_pids() {
    Lock guard = lock();
    // Nobody may have looked since the last call.
    if (!driven_ && !ended_) workers_.take_deaths();
    std::vector<int> pids;
    for (std::size_t worker = 0; worker < segment_.workers(); ++worker) {
        pids.push_back(static_cast<int>(segment_.lane(worker).pid.load()));
    }
    return pids;
}

// -- calls

void ProcessEngine::submit(Lock&, std::shared_ptr<detail::Call> call, Driver driver) {
    require_open(workers_.broken());
    if (driver == Driver::background) start_background();
    dispatcher_.add(std::move(call), driver == Driver::background);
    dispatcher_.dispatch(detail::Clock::now());
    if (driven_) sleep_.interrupt();  // there may be a new time limit to wait for
    changed();
    if (driver == Driver::background) changed_.notify_all();  // its thread is not counted among those that wait
}

void ProcessEngine::refill(Lock&, detail::Call&) {
    dispatcher_.dispatch(detail::Clock::now());
    changed();
}

bool ProcessEngine::finished(Lock&, const detail::Call& call) const {
    return dispatcher_.find(call) == nullptr;
}

void ProcessEngine::cancel(Lock&, detail::Call& call) {
    if (ActiveCall* active = dispatcher_.find(call)) {
        dispatcher_.cancel(*active);
        workers_.withdraw();
        dispatcher_.dispatch(detail::Clock::now());
        changed();
    }
}

void ProcessEngine::stop(Lock& lock, detail::Call& call) {
    cancel(lock, call);
    if (ActiveCall* active = dispatcher_.find(call)) workers_.end_items_of(*active);
}

bool ProcessEngine::wait(Lock& lock, const std::function<bool()>& enough, std::optional<detail::Time> until) {
    for (;;) {
        if (enough()) return true;
        // Who does nothing but look, again and again, does the work that there is.
        if (until && detail::Clock::now() >= *until) return !driven_ && step() && enough();
        if (driven_) {
            wait_for_change(lock, until);
            continue;
        }
        driven_ = true;
        try {
            drive(lock, until);
        } catch (...) {
            driven_ = false;
            changed();
            throw;
        }
        driven_ = false;
        changed();
    }
}

// One round of the engine's work; sleeps, without the lock, where there is nothing to do.
void ProcessEngine::drive(Lock& lock, std::optional<detail::Time> until) {
    if (step()) return;
    for (auto event : {dispatcher_.next(), workers_.next_event()}) {
        if (event && (!until || *event < *until)) until = event;
    }
    if (!dispatcher_.idle()) {
        const detail::Time look = detail::Clock::now() + look_anyway_every;
        until = until ? std::min(*until, look) : look;
    }
    std::vector<pollfd> descriptors;
    workers_.add_descriptors(descriptors);
    lock.unlock();
    const bool spare = cpus_ > 1 && segment_.header().sleepers.load() > 0;
    bool there = channel::comes_soon(spare ? channel::patience : channel::patience_of_the_busy,
                                     [this] { return !workers_.nothing_new(); });
    if (!there) sleep_.sleep(descriptors, until, [this] { return workers_.nothing_new(); });
    lock.lock();
    if (until && detail::Clock::now() - *until > stands_still_from) workers_.stood_still(detail::Clock::now() - *until);
    bool news = std::any_of(descriptors.begin(), descriptors.end(), [](const pollfd& one) { return one.revents != 0; });
    if (news) workers_.take_deaths();
}

bool ProcessEngine::step() {
    bool any = workers_.read_results();
    const detail::Time now = detail::Clock::now();
    any = workers_.look_after(now) || any;
    // Not once for all: a worker may just be making a task its own that nobody else could take any more.
    if (dispatcher_.any_cancelled()) any = workers_.withdraw() || any;
    any = dispatcher_.dispatch(now) || any;
    if (dispatcher_.could_split()) any = workers_.split() || any;
    return any;
}

// -- the end

void ProcessEngine::leave(Lock& lock) {
    workers_.end(std::nullopt);
    ended_ = true;
    end_background(lock);
}

void ProcessEngine::end(Lock guard) {
    if (std::exchange(ended_, true)) return;
    workers_.replace_no_more();
    bool was_idle = workers_.all_idle() && dispatcher_.idle();
    dispatcher_.abort_all(cut_short());
    changed();
    // Another thread may be asleep over the workers' descriptors.
    sleep_.interrupt();
    while (driven_) wait_for_change(guard, std::nullopt);
    workers_.end(was_idle ? std::chrono::milliseconds(patience_with_the_idle) : std::chrono::milliseconds(0));
    end_background(guard);
}

// -- in the background

void ProcessEngine::start_background() {
    if (background_) return;
    background_ = std::make_unique<std::thread>(
        system::start_thread("calls that nobody waits for", [this] { work_in_background(); }));
}

// There is nothing left for it to do, but for callbacks. They are not waited for: they may want what the caller has.
void ProcessEngine::end_background(Lock& lock) {
    changed_.notify_all();
    sleep_.interrupt();
    if (!background_ || !actions_.idle()) return;
    std::unique_ptr<std::thread> thread = std::move(background_);
    lock.unlock();
    thread->join();
    lock.lock();
}

void ProcessEngine::work_in_background() {
    Lock guard(mutex_);
    while (!stop_background_ && !(ended_ && !actions_.any())) {
        if (actions_.any()) {
            actions_.call_next(guard);
            if (driven_) sleep_.interrupt();  // join() may be the one that drives
            changed();
        } else if (dispatcher_.background_calls() > 0 && !workers_.broken() && !ended_) {
            wait(
                guard, [this] { return stop_background_ || actions_.any() || dispatcher_.background_calls() == 0; },
                std::nullopt);
        } else {
            changed_.wait(guard);
        }
    }
}

}  // namespace haid::pool

namespace haid::detail {

std::unique_ptr<Engine> Engine::of_processes(const EngineOptions& options) {
    return std::make_unique<pool::ProcessEngine>(options);
}

}  // namespace haid::detail
