#include "pool/engine.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "haid/error.hpp"
#include "pool/exceptions.hpp"
#include "process/fork.hpp"
#include "system/descriptor.hpp"
#include "system/futex.hpp"
#include "system/resources.hpp"
#include "system/signals.hpp"

namespace haid::pool {
namespace {

using channel::Frame;
using channel::Range;
using detail::Progress;

constexpr std::chrono::milliseconds start_again_after{50};
constexpr std::chrono::milliseconds look_for_deaths_every{2};
// Workers that die before they have run anything will go on doing so.
constexpr std::uint32_t most_barren_starts = 3;
// The unclaimed rest of a task is worth another worker's while if it takes so long: being told takes some 20 µs.
constexpr double worth_splitting = 20e3;  // nanoseconds

std::atomic<std::uint64_t> process_number{1};

std::uint64_t this_process() {
    static const bool registered = [] {
        process::at_fork_in_child([] { ++process_number; });
        return true;
    }();
    return registered ? process_number.load() : 0;
}

// Kills by the out-of-memory killer since the machine was started, in cgroups too (Linux 4.13).
std::uint64_t memory_kills() {
    std::string text = system::read_small_file("/proc/vmstat");
    std::size_t at = text.find("\noom_kill ");
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 10, nullptr, 10);
}

std::size_t count_of(const detail::EngineOptions& options, int cpus) {
    int workers = std::min(options.workers != 0 ? options.workers : cpus, options.most_workers);
    if (workers < 0 || static_cast<std::size_t>(workers) > channel::most_workers) {
        throw std::invalid_argument(
            fmt::format("a pool cannot have {} workers (1 to {})", workers, channel::most_workers));
    }
    return static_cast<std::size_t>(workers);
}

}  // namespace

ProcessEngine::ProcessEngine(detail::EngineOptions options)
    : ProcessEngine(std::move(options), system::cpu_resources(system::ResourceFacts::of_this_process()).usable) {}

ProcessEngine::ProcessEngine(detail::EngineOptions options, int cpus)
    : process_(this_process()),
      options_(std::move(options)),
      segment_(count_of(options_, cpus)),
      sleep_(segment_),
      dispatcher_(segment_),
      kills_before_(memory_kills()) {
    for (std::size_t worker = 0; worker < segment_.workers(); ++worker) lanes_.emplace_back(segment_, worker);
    WorkerSettings settings{&segment_, sleep_.event(), options_.initializer, options_.tasks_per_worker,
                            std::max(cpus / static_cast<int>(lanes_.size()), 1)};
    source_ = options_.fork_here ? fork_workers_here(settings) : fork_workers_from_zygote(settings);
    for (Lane& lane : lanes_) lane.alive = true;
}

ProcessEngine::~ProcessEngine() {
    if (!is_ours()) {
        // The workers and the thread are those of the process that this one was forked from.
        static_cast<void>(source_.release());
        static_cast<void>(background_.release());
        return;
    }
    try {
        terminate();
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

bool ProcessEngine::is_ours() const {
    return process_ == this_process();
}

void ProcessEngine::require_ours() const {
    if (!is_ours()) throw Error("this pool belongs to another process: a child makes its own");
}

ProcessEngine::Lock ProcessEngine::lock() {
    require_ours();
    return Lock(mutex_);
}

// -- calls

void ProcessEngine::submit(Lock&, std::shared_ptr<detail::Call> call) {
    if (broken_) std::rethrow_exception(broken_);
    if (closed_ || terminated_) throw PoolClosed("this pool was closed: it takes no more work");
    dispatcher_.add(std::move(call));
    dispatcher_.dispatch(detail::Clock::now());
    if (driven_) sleep_.interrupt();  // there may be a new time limit to wait for
    changed();
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
        dispatcher_.dispatch(detail::Clock::now());
        changed();
    }
}

bool ProcessEngine::wait(Lock& lock, const std::function<bool()>& enough, std::optional<detail::Time> until) {
    for (;;) {
        if (enough()) return true;
        if (until && detail::Clock::now() >= *until) return false;
        if (driven_) {
            ++waiting_;
            if (until) {
                changed_.wait_until(lock, *until);
            } else {
                changed_.wait(lock);
            }
            --waiting_;
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

void ProcessEngine::changed() {
    if (waiting_ > 0) changed_.notify_all();
}

// One round of the engine's work; sleeps, without the lock, where there is nothing to do.
void ProcessEngine::drive(Lock& lock, std::optional<detail::Time> until) {
    if (step()) return;
    std::optional<detail::Time> event = next_event();
    if (event && (!until || *event < *until)) until = event;
    std::vector<pollfd> descriptors;
    source_->add_descriptors(descriptors);
    lock.unlock();
    bool there = channel::comes_soon([this] { return !nothing_new(); });
    if (!there) sleep_.sleep(descriptors, until, [this] { return nothing_new(); });
    lock.lock();
    bool news = std::any_of(descriptors.begin(), descriptors.end(), [](const pollfd& one) { return one.revents != 0; });
    if (news) take_deaths();
}

bool ProcessEngine::nothing_new() const {
    return std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.ring.has_news(); });
}

bool ProcessEngine::step() {
    bool any = false;
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) any = read_results(worker) || any;
    detail::Time now = detail::Clock::now();
    if (now >= look_for_deaths_) {
        // Whoever sleeps is told of them; this is for a parent that never gets to sleep.
        any = take_deaths() || any;
        look_for_deaths_ = now + look_for_deaths_every;
    }
    if (dispatcher_.shortest_timeout()) end_overdue(now);
    restart_workers(now);
    any = dispatcher_.dispatch(now) || any;
    if (dispatcher_.could_split()) any = split() || any;
    return any;
}

std::optional<detail::Time> ProcessEngine::next_event() const {
    std::optional<detail::Time> next = dispatcher_.next();
    auto sooner = [&](detail::Time time) { next = next ? std::min(*next, time) : time; };
    for (const Lane& lane : lanes_) {
        if (lane.start_again) sooner(*lane.start_again);
    }
    if (auto timeout = dispatcher_.shortest_timeout()) {
        // What begins while we sleep is not overdue before that.
        sooner(detail::Clock::now() + *timeout);
        for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
            auto item = timed_item(worker);
            const Task* task = item ? dispatcher_.task(item->task) : nullptr;
            if (task != nullptr) sooner(item->since + task->call->limits().timeout);
        }
    }
    return next;
}

// -- results

bool ProcessEngine::read_results(std::size_t worker) {
    Lane& lane = lanes_[worker];
    bool any = false;
    while (const Frame* frame = lane.ring.front()) {
        read_frame(worker, *frame);
        lane.ring.pop();
        any = true;
    }
    lane.ring.release();  // padding may have been read without any result
    return any;
}

void ProcessEngine::read_frame(std::size_t worker, const Frame& frame) {
    Lane& lane = lanes_[worker];
    std::span<const std::byte> bytes = channel::RingReader::payload(frame);
    int number = static_cast<int>(worker);
    const Task* task = dispatcher_.task(frame.task);
    std::uint64_t item = task != nullptr ? task->first + frame.first : 0;
    switch (frame.kind) {
        case Frame::Kind::piece:
            if (lane.last_task != frame.task) lane.last_end = 0;
            lane.last_task = frame.task;
            lane.pieces.insert(lane.pieces.end(), bytes.begin(), bytes.end());
            return;
        case Frame::Kind::values:
            if (!lane.pieces.empty()) {
                lane.pieces.insert(lane.pieces.end(), bytes.begin(), bytes.end());
                bytes = lane.pieces;
            }
            dispatcher_.values(frame.task, frame.first, frame.count, Decoder(bytes), frame.nanoseconds, number);
            break;
        case Frame::Kind::error:
            dispatcher_.failed(frame.task, frame.first, decode_exception(bytes, item, number));
            break;
        case Frame::Kind::fault:
            fail(decode_exception(bytes, 0, number));
            break;
        case Frame::Kind::padding:
            break;
    }
    if (lane.pieces.size() > channel::Segment::ring_size) lane.pieces.shrink_to_fit();
    lane.pieces.clear();
    lane.last_task = frame.task;
    lane.last_end = frame.first + frame.count;
}

// -- workers

void ProcessEngine::start_worker(std::size_t worker) {
    lanes_[worker].alive = true;
    lanes_[worker].start_again.reset();
    source_->start(worker);
}

void ProcessEngine::restart_workers(detail::Time now) {
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        if (lanes_[worker].start_again && *lanes_[worker].start_again <= now) start_worker(worker);
    }
}

bool ProcessEngine::take_deaths() {
    try {
        std::vector<Death> deaths = source_->deaths();
        for (const Death& death : deaths) bury(death);
        return !deaths.empty();
    } catch (const Error&) {
        if (broken_) return false;
        fail(std::current_exception());
        return true;
    }
}

void ProcessEngine::bury(const Death& death) {
    Lane& lane = lanes_[death.worker];
    lane.alive = false;
    read_results(death.worker);
    bool leaving = segment_.header().closing.load() != 0 || terminated_ || broken_;
    if (death.start_error != 0) {
        if (!leaving) lane.start_again = detail::Clock::now() + start_again_after;
        return;
    }
    bool was_ready = segment_.lane(death.worker).is_ready.exchange(0) != 0;
    recover(death.worker, death);
    if (leaving) return;
    if (was_ready) lane.barren_starts = 0;
    if (!was_ready && ++lane.barren_starts >= most_barren_starts) {
        std::string how = death.exit_code < 0 ? fmt::format("ended by {}", system::signal_name(-death.exit_code))
                                              : fmt::format("with exit status {}", death.exit_code);
        fail(std::make_exception_ptr(Error(fmt::format(
            "the pool's workers end before they are ready for work ({}, {} times)", how, lane.barren_starts))));
        return;
    }
    start_worker(death.worker);
}

// Everything that a dead worker had begun, finished or claimed is in its lane: see layout.hpp.
void ProcessEngine::recover(std::size_t worker, const Death& death) {
    Lane& lane = lanes_[worker];
    channel::Lane& shared = segment_.lane(worker);
    channel::forget_sleeper(segment_, worker);
    std::uint64_t number = shared.task.load();
    if (auto claimed = dispatcher_.claimed_by(worker); claimed && claimed->task != number) {
        dispatcher_.hand_out_again(*claimed);
    }
    if (number != 0) {
        const auto progress = Progress::of(shared.progress.load());
        Range rest = Range::of(shared.range.load());
        std::uint32_t told = lane.last_task == number ? lane.last_end : 0;
        std::uint32_t first_untold = std::max(static_cast<std::uint32_t>(shared.open.load()), told);
        if (progress.item > first_untold && lane.pieces.empty()) {
            std::span<const std::byte> bytes = lane.ring.open_frame(progress.bytes);
            dispatcher_.values(number, first_untold, progress.item - first_untold, Decoder(bytes), 0,
                               static_cast<int>(worker));
        }
        const Task* task = dispatcher_.task(number);
        std::uint32_t behind = std::max(progress.item, told);
        if (progress.runs && progress.item >= told && task != nullptr) {
            behind = progress.item + 1;
            std::exception_ptr error = std::exchange(lane.ended_for, nullptr);
            if (!error) {
                std::uint64_t index = task->first + progress.item;
                std::string how = death.exit_code < 0
                                      ? fmt::format("was ended by {}", system::signal_name(-death.exit_code))
                                      : fmt::format("left with exit status {}", death.exit_code);
                if (death.exit_code == -SIGKILL) {
                    how += memory_kills() > kills_before_
                               ? " (the system's out-of-memory killer: the tasks take more memory than there is)"
                               : " (perhaps by the out-of-memory killer, or by somebody else)";
                }
                error = std::make_exception_ptr(
                    WorkerLost(fmt::format("worker {} {} while it ran task {}", worker, how, index), death.exit_code,
                               index, static_cast<int>(worker)));
            }
            dispatcher_.failed(number, progress.item, error);
        }
        dispatcher_.hand_out_again({number, behind, rest.to});
    }
    lane.pieces.clear();
    lane.ended_for = nullptr;
    lane.last_task = 0;
    lane.last_end = 0;
    shared.task.store(0);
    shared.range.store(Range{Range::of(shared.range.load()).generation, 0, 0}.word());
    shared.wants_space.store(0);
    shared.halt.store(0);
}

// Gives the end of a task that has much left to the workers that have nothing.
bool ProcessEngine::split() {
    std::size_t longest = lanes_.size();
    std::uint32_t most = 0;
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        Range range = Range::of(segment_.lane(worker).range.load());
        if (range.to - range.from <= most) continue;
        most = range.to - range.from;
        longest = worker;
    }
    if (most == 0) return false;
    channel::Lane& lane = segment_.lane(longest);
    std::uint64_t word = lane.range.load();
    Range range = Range::of(word);
    std::uint64_t number = lane.task.load();  // behind the range: see RunningTask::take
    const Task* task = dispatcher_.task(number);
    std::uint32_t left = range.to - range.from;
    if (task == nullptr || left == 0 || left * task->call->item_time < worth_splitting) return false;
    std::uint32_t middle = range.from + left / 2;
    if (!lane.range.compare_exchange_strong(word, Range{range.generation, range.from, middle}.word())) return true;
    dispatcher_.hand_out_again({number, middle, range.to});
    return true;
}

// -- time limits

std::optional<ProcessEngine::RunningItem> ProcessEngine::timed_item(std::size_t worker) const {
    const channel::Lane& lane = segment_.lane(worker);
    std::uint64_t number = lane.task.load();
    std::uint64_t progress = lane.progress.load();
    auto since = detail::Time(detail::Clock::duration(lane.started.load()));
    const Task* task = dispatcher_.task(number);
    // The start is written before the progress: it belongs to this item if that is still the same.
    if (task == nullptr || task->call->limits().timeout.count() == 0) return std::nullopt;
    if (!Progress::of(progress).runs) return std::nullopt;
    if (lane.progress.load() != progress || lane.task.load() != number) return std::nullopt;
    return RunningItem{number, progress, since};
}

void ProcessEngine::end_overdue(detail::Time now) {
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        Lane& lane = lanes_[worker];
        auto item = timed_item(worker);
        if (!item || lane.ended_for || !lane.alive) continue;
        const Task* task = dispatcher_.task(item->task);
        auto limit = task->call->limits().timeout;
        if (item->since + limit > now) continue;
        // Once told to halt it begins nothing more: what still runs then is what is overdue, and nothing else is hit.
        channel::Lane& shared = segment_.lane(worker);
        shared.halt.store(1, std::memory_order_seq_cst);
        if (shared.progress.load(std::memory_order_seq_cst) != item->progress || shared.task.load() != item->task) {
            shared.halt.store(0);
            system::wake(shared.halt, 1);
            continue;
        }
        auto index = task->first + Progress::of(item->progress).item;
        lane.ended_for = std::make_exception_ptr(TimeoutError(
            fmt::format("task {} took longer than {:g} s", index, std::chrono::duration<double>(limit).count())));
        source_->kill(worker);
    }
}

// -- the end

void ProcessEngine::fail(const std::exception_ptr& error) {
    if (broken_) return;
    broken_ = error;
    dispatcher_.abort_all(error);
    dismiss_workers();
    changed();
}

void ProcessEngine::dismiss_workers() {
    channel::Header& header = segment_.header();
    header.closing.store(1);
    header.bell.fetch_add(1);
    system::wake(header.bell, system::everybody);
}

void ProcessEngine::close() {
    Lock guard = lock();
    closed_ = true;
}

void ProcessEngine::join() {
    Lock guard = lock();
    if (!closed_ && !terminated_) throw Error("join() needs close() or terminate() before it");
    wait(
        guard, [this] { return dispatcher_.idle() && actions_.empty() && running_actions_ == 0; }, std::nullopt);
    if (!source_) return;
    dismiss_workers();
    source_->join();
    source_.reset();
}

// Whether every worker would leave at once if it was told to.
bool ProcessEngine::all_idle() const {
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        const channel::Lane& lane = segment_.lane(worker);
        if (lanes_[worker].alive && (lane.is_ready.load() == 0 || lane.task.load() != 0)) return false;
    }
    return dispatcher_.idle();
}

void ProcessEngine::terminate() {
    Lock guard = lock();
    if (terminated_) return;
    terminated_ = true;
    bool idle = all_idle();
    dispatcher_.abort_all(std::make_exception_ptr(PoolClosed("the pool was ended before this was done")));
    changed();
    // Another thread may be asleep over the workers' descriptors.
    sleep_.interrupt();
    while (driven_) {
        ++waiting_;
        changed_.wait(guard);
        --waiting_;
    }
    if (!source_) return;
    dismiss_workers();
    if (idle) source_->join();
    source_.reset();
}

// -- in the background

void ProcessEngine::in_background(Lock&, detail::Call& call) {
    ActiveCall* active = dispatcher_.find(call);
    if (active == nullptr) return;
    dispatcher_.put_in_background(*active);
    if (!background_) {
        system::BlockedSignals blocked;  // they are for the program's own threads
        background_ = std::make_unique<std::thread>([this] { work_in_background(); });
    }
    changed_.notify_all();
}

void ProcessEngine::later(std::function<void()> action) {
    actions_.push_back(std::move(action));
    changed_.notify_all();
}

void ProcessEngine::work_in_background() {
    Lock guard(mutex_);
    while (!stop_background_) {
        if (!actions_.empty()) {
            std::function<void()> action = std::move(actions_.front());
            actions_.pop_front();
            ++running_actions_;
            guard.unlock();
            action();
            action = nullptr;
            guard.lock();
            --running_actions_;
            if (driven_) sleep_.interrupt();  // join() may be the one that drives
            changed();
        } else if (dispatcher_.background_calls() > 0 && !broken_ && !terminated_) {
            wait(
                guard, [this] { return stop_background_ || !actions_.empty() || dispatcher_.background_calls() == 0; },
                std::nullopt);
        } else {
            changed_.wait(guard);
        }
    }
}

}  // namespace haid::pool

namespace haid::detail {

std::unique_ptr<Engine> Engine::of_processes(EngineOptions options) {
    return std::make_unique<pool::ProcessEngine>(std::move(options));
}

}  // namespace haid::detail
