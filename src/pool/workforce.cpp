#include "pool/workforce.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ranges>
#include <utility>

#include "haid/error.hpp"
#include "pool/exceptions.hpp"
#include "schedule/retries.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"
#include "system/futex.hpp"
#include "system/signals.hpp"
#include "system/tell.hpp"

namespace haid::pool {
namespace {

using channel::Frame;
using channel::Range;
using detail::Progress;

constexpr std::chrono::milliseconds look_for_deaths_every{2};
// Where there is no process or descriptor for a worker, it is tried again after a pause that doubles. While another one
// lives the pool works; where none does, so many refusals, which take some 2 s, are an error.
constexpr std::uint32_t most_refused_starts = 8;
// Workers that die before they are ready for anything will go on doing so.
constexpr std::uint32_t most_barren_starts = 3;
// Those that were ready and have run nothing may have been killed by somebody, and are replaced: the first at once,
// those behind it after a pause that doubles, for what ends them may be what they are given to do.
constexpr std::chrono::milliseconds shortest_pause{10};
constexpr std::chrono::milliseconds longest_pause{1000};

std::chrono::milliseconds pause_after(std::uint32_t times) {
    return schedule::doubled(shortest_pause, times, longest_pause);
}

// Memory for the pieces of a value is made at once where their number is told, which is a claim that nobody has
// checked;
constexpr std::uint64_t most_to_expect = std::uint64_t{1} << 34;
// and so much of it is kept for the next value: memory that was used before takes 11 GB/s, fresh memory 1 to 3.
constexpr std::size_t most_to_keep = std::size_t{64} << 20;
// The unclaimed rest of a task is worth another worker's while if it takes so long: being told takes some 20 µs.
constexpr double worth_splitting = 20e3;  // nanoseconds

// Kills by the out-of-memory killer since the machine was started, in cgroups too (Linux 4.13).
std::uint64_t memory_kills() {
    std::string text = system::read_small_file("/proc/vmstat");
    std::size_t at = text.find("\noom_kill ");
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 10, nullptr, 10);
}

std::string how_it_ended(const Death& death) {
    if (death.exit_code == WorkerLost::unknown_exit) {
        return "ended, nobody knows how (this program has reaped it by a wait() of its own, or ignores SIGCHLD),";
    }
    return death.exit_code < 0 ? fmt::format("was ended by {}", system::signal_name(-death.exit_code))
                               : fmt::format("left with exit status {}", death.exit_code);
}

}  // namespace

Workforce::Workforce(Dispatcher& dispatcher, const WorkerSettings& settings)
    : segment_(*settings.segment), dispatcher_(dispatcher) {
    const bool fork_here = settings.engine.fork_here;
    for (std::size_t worker = 0; worker < segment_.workers(); ++worker) lanes_.emplace_back(segment_, worker);
    source_ = fork_here ? fork_workers_here(settings) : fork_workers_from_zygote(settings);
    for (Lane& lane : lanes_) lane.alive = true;
    for (std::size_t worker = 0; fork_here && worker < lanes_.size(); ++worker) start(worker);
    kills_before_ = memory_kills();  // takes some 25 us, in which the workers get ready
}

bool Workforce::look_after(detail::Time now) {
    bool any = false;
    if (now >= look_for_deaths_) {
        // Whoever sleeps is told of them; this is for a parent that never gets to sleep.
        any = take_deaths();
        look_for_deaths_ = now + look_for_deaths_every;
    }
    if (dispatcher_.shortest_timeout()) end_overdue(now);
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        if (lanes_[worker].start_again && *lanes_[worker].start_again <= now) start(worker);
    }
    return any;
}

std::optional<detail::Time> Workforce::next_event() const {
    std::optional<detail::Time> next;
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

bool Workforce::nothing_new() const {
    return std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.ring.has_news(); });
}

bool Workforce::read_results() {
    bool any = false;
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) any = read(worker) || any;
    return any;
}

bool Workforce::read(std::size_t worker) {
    Lane& lane = lanes_[worker];
    bool any = false;
    while (const Frame* frame = next_frame(worker)) {
        read_frame(worker, *frame);
        lane.ring.pop();
        any = true;
    }
    lane.ring.release();  // padding may have been read without any result
    return any;
}

// What a worker has overwritten once it may have overwritten elsewhere: nothing that is shared can be relied on.
const Frame* Workforce::next_frame(std::size_t worker) {
    try {
        return lanes_[worker].ring.front();
    } catch (const Error& error) {
        if (!broken_) {
            source_->kill(worker);  // it may wait for room for ever
            fail(std::make_exception_ptr(Error(
                fmt::format("worker {} has written over the memory that it shares with the pool, by a wild pointer or "
                            "behind the end of an array ({})",
                            worker, error.what()))));
        }
        return nullptr;
    }
}

void Workforce::read_frame(std::size_t worker, const Frame& frame) {
    Lane& lane = lanes_[worker];
    std::span<const std::byte> bytes = channel::RingReader::payload(frame);
    int number = static_cast<int>(worker);
    const Task* task = dispatcher_.task(frame.task);
    std::uint64_t item = task != nullptr ? task->first + frame.first : 0;
    switch (frame.kind) {
        case Frame::Kind::piece:
            if (lane.last_task != frame.task || lane.last_generation != frame.generation) lane.last_end = 0;
            lane.last_task = frame.task;
            lane.last_generation = frame.generation;
            if (lane.pieces.empty() && frame.whole > lane.pieces.capacity() && frame.whole <= most_to_expect) {
                lane.pieces.reserve(frame.whole);
                detail::advise_large(lane.pieces.data(), frame.whole);
            }
            lane.pieces.insert(lane.pieces.end(), bytes.begin(), bytes.end());
            return;
        case Frame::Kind::values:
            if (!lane.pieces.empty()) {
                lane.pieces.insert(lane.pieces.end(), bytes.begin(), bytes.end());
                dispatcher_.large_value(frame.task, frame.first, lane.pieces, frame.nanoseconds, number);
            } else {
                dispatcher_.values(frame.task, frame.first, frame.count, Decoder(bytes), frame.nanoseconds, number);
            }
            lane.has_run = true;
            break;
        case Frame::Kind::error:
            dispatcher_.failed(frame.task, frame.first, decode_exception(bytes, item, number), frame.nanoseconds,
                               number);
            lane.has_run = true;
            break;
        case Frame::Kind::fault:
            fail(decode_exception(bytes, 0, number));
            break;
        case Frame::Kind::padding:
            break;
    }
    lane.pieces.clear();
    if (lane.pieces.capacity() > most_to_keep) lane.pieces.shrink_to_fit();
    lane.last_task = frame.task;
    lane.last_generation = frame.generation;
    lane.last_end = frame.first + frame.count;
}

// -- deaths

void Workforce::start(std::size_t worker) {
    lanes_[worker].alive = true;
    lanes_[worker].has_run = false;
    lanes_[worker].start_again.reset();
    if (const int error = source_->start(worker); error != 0) not_started(worker, error);
}

bool Workforce::anybody_lives() const {
    return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.alive; });
}

void Workforce::not_started(std::size_t worker, int error) {
    Lane& lane = lanes_[worker];
    lane.alive = false;
    if (leaving_) return;
    lane.start_again = detail::Clock::now() + pause_after(lane.refused_starts++);
    if (lane.refused_starts < most_refused_starts) return;
    const std::string why = system::SystemError(error, fmt::format("worker {} of the pool cannot be started{}", worker,
                                                                   system::process_limit(error)))
                                .what();
    const bool somebody_works = std::ranges::any_of(std::views::iota(std::size_t{0}, lanes_.size()),
                                                    [&](auto one) { return segment_.lane(one).pid.load() != 0; });
    if (!anybody_lives()) {
        fail(std::make_exception_ptr(Error(fmt::format("the pool has no workers: {}", why))));
    } else if (somebody_works && !std::exchange(told_of_refusal_, true)) {
        system::tell("haid: a pool works with fewer workers than its {}: {}\n", lanes_.size(), why);
    }
}

bool Workforce::take_deaths() {
    if (!source_) return false;
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

void Workforce::bury(const Death& death) {
    Lane& lane = lanes_[death.worker];
    lane.alive = false;
    read(death.worker);
    if (death.start_error != 0) return not_started(death.worker, death.start_error);
    lane.refused_starts = 0;
    bool was_ready = segment_.lane(death.worker).is_ready.exchange(0) != 0;
    segment_.lane(death.worker).pid.store(0);
    recover(death.worker, death);
    if (leaving_) return;
    if (was_ready) {
        lane.barren_starts = 0;
        lane.idle_deaths = lane.has_run ? 0 : lane.idle_deaths + 1;
    }
    if (!was_ready && ++lane.barren_starts >= most_barren_starts) {
        fail(std::make_exception_ptr(
            Error(fmt::format("the pool's workers end before they are ready for work (the last {}, {} times)",
                              how_it_ended(death), lane.barren_starts))));
        return;
    }
    replace(death.worker);
}

void Workforce::replace(std::size_t worker) {
    Lane& lane = lanes_[worker];
    if (lane.idle_deaths < 2) return start(worker);
    lane.start_again = detail::Clock::now() + pause_after(lane.idle_deaths - 2);
}

// Everything that a dead worker had begun, finished or claimed is in its lane: see layout.hpp.
void Workforce::recover(std::size_t worker, const Death& death) {
    Lane& lane = lanes_[worker];
    channel::Lane& shared = segment_.lane(worker);
    channel::forget_sleeper(segment_, worker);
    std::uint64_t number = shared.task.load();
    if (auto claimed = dispatcher_.claimed_by(worker); claimed && claimed->task != number) {
        dispatcher_.hand_out_again(*claimed);
    }
    if (number != 0) recover_task(worker, number, death);
    lane.pieces.clear();
    lane.ended_for = nullptr;
    lane.last_task = 0;
    lane.last_end = 0;
    shared.task.store(0);
    shared.range.store(Range{Range::of(shared.range.load()).generation, 0, 0}.word());
    shared.wants_space.store(0);
    shared.halt.store(0);
}

void Workforce::recover_task(std::size_t worker, std::uint64_t number, const Death& death) {
    Lane& lane = lanes_[worker];
    channel::Lane& shared = segment_.lane(worker);
    const auto progress = Progress::of(shared.progress.load());
    Range rest = Range::of(shared.range.load());
    const bool told_of_it =
        lane.last_task == number && lane.last_generation == static_cast<std::uint16_t>(rest.generation);
    const std::uint32_t told = told_of_it ? lane.last_end : 0;
    std::uint32_t first_untold = std::max(static_cast<std::uint32_t>(shared.open.load()), told);
    if (progress.item > first_untold && lane.pieces.empty()) {
        std::span<const std::byte> bytes = lane.ring.open_frame(progress.bytes);
        dispatcher_.values(number, first_untold, progress.item - first_untold, Decoder(bytes), 0,
                           static_cast<int>(worker));
    }
    lane.has_run = lane.has_run || progress.runs || progress.item > first_untold;
    const Task* task = dispatcher_.task(number);
    std::uint32_t behind = std::max(progress.item, told);
    if (progress.runs && progress.item >= told && task != nullptr) {
        behind = progress.item + 1;
        std::exception_ptr error = std::exchange(lane.ended_for, nullptr);
        if (!error) error = lost(worker, death, "ran", task->first + progress.item);
        dispatcher_.failed(number, progress.item, error, 0, static_cast<int>(worker));
    }
    // Nothing of it was begun: what runs then is what makes its function from bytes. Not where we have ended the worker
    // for an item before.
    const bool prepared_it = !progress.runs && !told_of_it && progress.item == first_untold && !lane.ended_for;
    if (prepared_it && dispatcher_.ended_a_worker(number)) {
        lane.has_run = true;  // it is known what it died of: the next one may start at once
        give_up(worker, {number, behind, rest.to}, death);
    } else {
        dispatcher_.hand_out_again({number, behind, rest.to});
    }
}

void Workforce::give_up(std::size_t worker, const channel::Unstarted& range, const Death& death) {
    for (std::uint32_t item = range.from; item < range.to; ++item) {
        const Task* task = dispatcher_.task(range.task);
        if (task == nullptr) return;
        dispatcher_.failed(range.task, item, lost(worker, death, "prepared", task->first + item), 0,
                           static_cast<int>(worker));
    }
}

std::exception_ptr Workforce::lost(std::size_t worker, const Death& death, const char* did, std::uint64_t item) const {
    std::string how = how_it_ended(death);
    if (death.exit_code == -SIGKILL) {
        how += memory_kills() > kills_before_
                   ? " (the system's out-of-memory killer: the tasks take more memory than there is)"
                   : " (perhaps by the out-of-memory killer, or by somebody else)";
    }
    return std::make_exception_ptr(WorkerLost(fmt::format("worker {} {} while it {} task {}", worker, how, did, item),
                                              death.exit_code, item, static_cast<int>(worker)));
}

// -- tasks that are under way

bool Workforce::split() {
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
    if (task == nullptr || left == 0 || left * task->call->pace.item_time() < worth_splitting) return false;
    std::uint32_t middle = range.from + left / 2;
    if (!lane.range.compare_exchange_strong(word, Range{range.generation, range.from, middle}.word())) return true;
    dispatcher_.hand_out_again({number, middle, range.to});
    return true;
}

bool Workforce::withdraw() {
    bool any = false;
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        channel::Lane& lane = segment_.lane(worker);
        std::uint64_t word = lane.range.load();
        const std::uint64_t number = lane.task.load();  // behind the range: see RunningTask::take
        const Task* task = dispatcher_.task(number);
        if (task == nullptr || !task->call->cancelled) continue;
        Range range = Range::of(word);
        const std::uint32_t generation = range.generation;
        while (range.generation == generation && range.from != range.to) {
            if (lane.range.compare_exchange_weak(word, Range{generation, range.from, range.from}.word())) {
                dispatcher_.hand_out_again({number, range.from, range.to});  // to nobody: they are given up
                any = true;
                break;
            }
            range = Range::of(word);
        }
    }
    return any;
}

std::optional<Workforce::RunningItem> Workforce::timed_item(std::size_t worker) const {
    const channel::Lane& lane = segment_.lane(worker);
    std::uint64_t number = lane.task.load();
    std::uint64_t progress = lane.progress.load();
    auto since = detail::Time(detail::Clock::duration(lane.started.load()));
    const Task* task = dispatcher_.task(number);
    // The start is written before the progress: it belongs to this item if that is still the same.
    if (task == nullptr || task->call->limits().timeout.count() == 0) return std::nullopt;
    if (!Progress::of(progress).runs) return std::nullopt;
    if (lane.progress.load() != progress || lane.task.load() != number) return std::nullopt;
    const auto& excused = lanes_[worker].excused;
    if (excused && excused->task == number && excused->progress == progress) since = excused->since;
    return RunningItem{number, progress, since};
}

void Workforce::stood_still(detail::Clock::duration pause) {
    const detail::Time now = detail::Clock::now();
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        lanes_[worker].excused = timed_item(worker);
        if (auto& item = lanes_[worker].excused) item->since = std::min(item->since + pause, now);
    }
}

void Workforce::end_overdue(detail::Time now) {
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

void Workforce::end_items_of(const ActiveCall& call) {
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        channel::Lane& shared = segment_.lane(worker);
        auto is_at_it = [&] {
            const Task* task = dispatcher_.task(shared.task.load());
            return task != nullptr && task->call == &call;
        };
        if (!lanes_[worker].alive || lanes_[worker].ended_for || !is_at_it()) continue;
        // As in end_overdue: what others want of it is not hit.
        shared.halt.store(1, std::memory_order_seq_cst);
        if (is_at_it()) {
            lanes_[worker].ended_for = std::make_exception_ptr(PoolClosed("the call was given up"));
            source_->kill(worker);
        } else {
            shared.halt.store(0);
            system::wake(shared.halt, 1);
        }
    }
}

// -- the end

void Workforce::fail(const std::exception_ptr& error) {
    if (broken_) return;
    broken_ = error;
    dispatcher_.abort_all(error);
    dismiss();
}

void Workforce::dismiss() {
    leaving_ = true;
    channel::Header& header = segment_.header();
    header.closing.store(1);
    header.bell.fetch_add(1);
    system::wake(header.bell, system::everybody);
}

bool Workforce::all_idle() const {
    for (std::size_t worker = 0; worker < lanes_.size(); ++worker) {
        const channel::Lane& lane = segment_.lane(worker);
        if (lanes_[worker].alive && (lane.is_ready.load() == 0 || lane.task.load() != 0)) return false;
    }
    return true;
}

bool Workforce::leave_within(std::chrono::milliseconds patience) {
    const auto until = detail::Clock::now() + patience;
    while (source_ && !broken_ && anybody_lives()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - detail::Clock::now());
        if (left.count() <= 0) return false;
        std::vector<pollfd> descriptors;
        source_->add_descriptors(descriptors);
        ::poll(descriptors.data(), descriptors.size(), static_cast<int>(left.count()));
        take_deaths();
    }
    return !anybody_lives();
}

void Workforce::end(std::optional<std::chrono::milliseconds> patience) {
    if (!source_) return;
    dismiss();
    if (!patience || leave_within(*patience)) {
        if (source_) source_->join();
    }
    source_.reset();
}

}  // namespace haid::pool
