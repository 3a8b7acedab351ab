#include "pool/dispatcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "haid/detail/pool/functions.hpp"
#include "haid/error.hpp"

namespace haid::pool {
namespace {

// What one task should take where the call leaves its size to us: long enough that its way there and back (some 20 µs
// with a wake-up) costs little, short enough that the last one leaves nobody waiting for long.
constexpr double time_of_a_task = 500e3;  // nanoseconds
// Towards the end a worker has so many tasks to go.
constexpr double tasks_of_the_rest = 3;
// So much work lies ready for each worker: more than it does while the parent naps.
constexpr double time_ready = 1e6;
constexpr std::uint32_t most_tasks_ready = channel::Segment::slots / 2;
// Inputs of a call that lie ready; a single one may be larger.
constexpr std::uint64_t most_bytes_ready = std::uint64_t{64} << 20;
// Workers that one task may end before it is begun.
constexpr std::uint32_t most_workers_ended = 3;

}  // namespace

// Puts an input where workers can read it.
class Dispatcher::Writer final : public detail::TaskWriter {
  public:
    Writer(BufferEncoder& buffer, Arena& arena, channel::Segment& segment, Task& task)
        : TaskWriter(buffer), arena_(arena), segment_(segment), task_(task) {}

    std::byte* place(std::size_t size) override {
        task_.size = static_cast<std::uint32_t>(size);
        if (size <= sizeof task_.input) return reinterpret_cast<std::byte*>(&task_.input);
        std::optional<std::uint64_t> block = size <= UINT32_MAX ? arena_.allocate(size) : std::nullopt;
        if (!block) {
            throw Error(fmt::format("there is no room for the {} bytes of a task's input in shared memory", size));
        }
        task_.input = *block;
        task_.in_block = true;
        return segment_.block(*block);
    }

    void share(std::span<const std::byte> common) override {
        std::optional<Block>& shared = task_.call->common;
        if (!shared) {
            const std::uint64_t size = common.size();
            std::optional<std::uint64_t> block = arena_.allocate(sizeof size + size);
            if (!block) throw Error(fmt::format("there is no room for a function of {} bytes in shared memory", size));
            shared = {*block, sizeof size + size};
            std::memcpy(segment_.block(*block), &size, sizeof size);
            if (size > 0) std::memcpy(segment_.block(*block) + sizeof size, common.data(), size);
        }
        context = shared->offset;
    }

    void place_buffer() {
        std::span<const std::byte> bytes = buffer_.bytes();
        if (!bytes.empty()) std::memcpy(place(bytes.size()), bytes.data(), bytes.size());
    }

  private:
    Arena& arena_;
    channel::Segment& segment_;
    Task& task_;
};

Dispatcher::Dispatcher(channel::Segment& segment, std::function<void()> at_rest)
    : segment_(segment), board_(segment), arena_(segment, std::move(at_rest)) {}

void Dispatcher::add(std::shared_ptr<detail::Call> call, bool in_background) {
    auto active = std::make_unique<ActiveCall>(std::move(call));
    ActiveCall* placed = active.get();
    if (active->limits().timeout.count() > 0) timeouts_.insert(active->limits().timeout);
    active->background = in_background;
    background_calls_ += in_background;
    calls_.emplace(placed->call.get(), std::move(active));
    to_fill_.push_back(placed);
}

ActiveCall* Dispatcher::find(const detail::Call& call) const {
    auto found = calls_.find(&call);
    return found == calls_.end() ? nullptr : found->second.get();
}

std::optional<std::chrono::nanoseconds> Dispatcher::shortest_timeout() const {
    return timeouts_.empty() ? std::nullopt : std::optional(*timeouts_.begin());
}

std::optional<detail::Time> Dispatcher::next() const {
    return again_.empty() ? std::nullopt : std::optional(again_.begin()->first);
}

bool Dispatcher::could_split() const {
    return segment_.header().sleepers.load() > 0 && board_.unclaimed() == 0;
}

// -- out

bool Dispatcher::dispatch(detail::Time now) {
    bool any = post_waiting(now);
    for (bool filled = true; filled && board_.has_room();) {
        filled = false;
        // One task of each in turn: a short call does not wait behind a long one.
        for (auto at = to_fill_.begin(); at != to_fill_.end() && board_.has_room();) {
            ActiveCall& call = **at;
            filled = fill(call) || filled;
            any = any || filled;
            at = no_more_input(call) ? to_fill_.erase(at) : std::next(at);
        }
    }
    board_.publish();
    return finish_ended() || any;
}

bool Dispatcher::no_more_input(ActiveCall& call) {
    if (!call.cancelled && !call.call->exhausted()) return false;
    call.filled = true;
    if (call.open == 0) ended_.push_back(&call);
    return true;
}

bool Dispatcher::finish_ended() {
    if (ended_.empty()) return false;
    for (ActiveCall* call : std::exchange(ended_, {})) {
        auto found = calls_.find(call->call.get());
        if (auto timeout = call->limits().timeout; timeout.count() > 0) timeouts_.erase(timeouts_.find(timeout));
        std::unique_ptr<ActiveCall> last = std::move(found->second);
        calls_.erase(found);
        if (last->common) arena_.free(last->common->offset, last->common->size);
        background_calls_ -= last->background;
        cancelled_calls_ -= last->cancelled;
        last->call->finished();
    }
    return true;
}

bool Dispatcher::post_waiting(detail::Time now) {
    while (!again_.empty() && again_.begin()->first <= now) {
        Again again = again_.begin()->second;
        again_.erase(again_.begin());
        waiting_.push_back({again.task, again.item, again.item + 1});
    }
    bool any = false;
    while (!waiting_.empty() && board_.has_room()) {
        channel::Unstarted range = waiting_.back();
        waiting_.pop_back();
        post(range.task, range.from, range.to);
        any = true;
    }
    return any;
}

bool Dispatcher::has_enough(const ActiveCall& call) const {
    if (call.tasks == 0) return false;
    std::uint32_t workers = static_cast<std::uint32_t>(segment_.workers());
    if (call.tasks < workers) return false;
    if (arena_.in_use() > most_bytes_ready) return true;
    const double item_time = call.pace.item_time();
    double task_time = std::max(item_time * std::max(call.last_chunk, 1U), 1.0);
    double enough = item_time == 0 ? 2.0 * workers : workers * time_ready / task_time;
    return call.tasks >= std::clamp<double>(enough, 2.0 * workers, most_tasks_ready);
}

bool Dispatcher::fill(ActiveCall& call) {
    if (call.cancelled || call.call->exhausted() || has_enough(call)) return false;
    Task task;
    task.call = &call;
    Writer writer(buffer_, arena_, segment_, task);
    const auto workers = static_cast<double>(segment_.workers());
    writer.most_items = call.next_chunk({time_of_a_task, tasks_of_the_rest * workers, channel::most_items});
    writer.first = call.next_item;
    try {
        task.items = call.call->fill(writer);
        if (task.items != 0 && task.size == 0) writer.place_buffer();
    } catch (...) {
        // An input that cannot be sent: nothing of this call can go on in order.
        free_input(task);
        call.call->aborted(std::current_exception());
        cancel(call);
        return false;
    }
    if (task.items == 0) return false;
    task.open = task.items - writer.begin;
    task.first = writer.first;
    task.function = detail::number_of(writer.run);
    task.context = writer.context;
    call.next_item += task.items;
    call.open += task.open;
    ++call.tasks;
    call.last_chunk = task.items;
    post(ledger_.add(task), writer.begin, task.items);
    return true;
}

void Dispatcher::post(std::uint64_t number, std::uint32_t from, std::uint32_t to) {
    const Task* task = ledger_.find(number);
    if (task == nullptr) return;
    channel::Slot& slot = board_.add();
    slot.task = number;
    slot.function = task->function;
    slot.first = task->call->limits().first_index + task->first;
    slot.context = task->context;
    slot.input = task->input;
    slot.size = task->size;
    slot.from = from;
    slot.to = to;
    slot.flags = (task->in_block ? 0 : std::uint32_t{channel::inlined}) |
                 (task->call->limits().timeout.count() > 0 ? std::uint32_t{channel::timed} : 0);
}

bool Dispatcher::ended_a_worker(std::uint64_t number) {
    Task* task = ledger_.find(number);
    if (task == nullptr) return false;
    ActiveCall& call = *task->call;
    if (++task->workers_ended >= most_workers_ended) call.ends_workers = true;
    return call.ends_workers;
}

void Dispatcher::hand_out_again(const channel::Unstarted& range) {
    const Task* task = ledger_.find(range.task);
    if (task == nullptr || range.from >= range.to) return;
    if (task->call->cancelled) {
        resolve(range.task, range.to - range.from);
    } else {
        waiting_.push_back(range);
    }
}

// -- back

template <class Take>
void Dispatcher::take_values(std::uint64_t number, std::uint32_t first, std::uint32_t count, std::uint64_t nanoseconds,
                             int worker, Take take) {
    Task* task = ledger_.find(number);
    if (task == nullptr || count == 0 || count > task->open) return;
    if (first > task->items || count > task->items - first) return;
    ActiveCall& call = *task->call;
    const std::uint64_t first_item = task->first + first;
    const auto verdict =
        call.values({first_item, count, std::chrono::nanoseconds(nanoseconds), worker},
                    [&](detail::Call& told, std::uint32_t& decoded) { take(told, first_item, decoded); });
    if (!verdict.goes_on) cancel(call);
    resolve(number, count);
}

void Dispatcher::values(std::uint64_t number, std::uint32_t first, std::uint32_t count, Decoder from,
                        std::uint64_t nanoseconds, int worker) {
    take_values(number, first, count, nanoseconds, worker,
                [&](detail::Call& call, std::uint64_t item, std::uint32_t& decoded) {
                    call.values(item, count, from, decoded);
                });
}

void Dispatcher::large_value(std::uint64_t number, std::uint32_t item, std::vector<std::byte>& bytes,
                             std::uint64_t nanoseconds, int worker) {
    take_values(number, item, 1, nanoseconds, worker,
                [&](detail::Call& call, std::uint64_t index, std::uint32_t& decoded) {
                    call.large_value(index, bytes, decoded);
                });
}

void Dispatcher::failed(std::uint64_t number, std::uint32_t item, const std::exception_ptr& error,
                        std::uint64_t nanoseconds, int worker) {
    Task* task = ledger_.find(number);
    if (task == nullptr || item >= task->items) return;
    ActiveCall& call = *task->call;
    const auto verdict = call.failed({task->first + item, 1, std::chrono::nanoseconds(nanoseconds), worker}, error);
    if (verdict.again_after) {
        again_.emplace(detail::Clock::now() + *verdict.again_after, Again{number, item});
        return;
    }
    if (!verdict.goes_on) cancel(call);
    resolve(number, 1);
}

void Dispatcher::resolve(std::uint64_t number, std::uint32_t items) {
    Task* task = ledger_.find(number);
    if (task == nullptr) return;
    ActiveCall& call = *task->call;
    items = std::min(items, task->open);
    task->open -= items;
    call.open -= items;
    if (task->open > 0) return;
    free_input(*task);
    ledger_.remove(number);
    --call.tasks;
    if (call.filled && call.open == 0) ended_.push_back(&call);
}

void Dispatcher::free_input(const Task& task) {
    if (task.in_block) arena_.free(task.input, task.size);
}

void Dispatcher::cancel(ActiveCall& call) {
    cancelled_calls_ += !std::exchange(call.cancelled, true);
    auto ours = [&](std::uint64_t number) {
        const Task* task = ledger_.find(number);
        return task != nullptr && task->call == &call;
    };
    std::vector<channel::Unstarted> given_up = board_.withdraw(ours);
    std::erase_if(waiting_, [&](const channel::Unstarted& range) {
        if (ours(range.task)) given_up.push_back(range);
        return ours(range.task);
    });
    std::erase_if(again_, [&](const auto& entry) {
        if (ours(entry.second.task)) given_up.push_back({entry.second.task, entry.second.item, entry.second.item + 1});
        return ours(entry.second.task);
    });
    for (const channel::Unstarted& range : given_up) resolve(range.task, range.to - range.from);
}

void Dispatcher::abort_all(const std::exception_ptr& error) {
    to_fill_.clear();
    ended_.clear();
    timeouts_.clear();
    background_calls_ = 0;
    cancelled_calls_ = 0;
    for (auto& [key, call] : std::exchange(calls_, {})) {
        for (std::uint64_t number : ledger_.of(*call)) {
            Task* task = ledger_.find(number);
            free_input(*task);
            ledger_.remove(number);
        }
        if (call->common) arena_.free(call->common->offset, call->common->size);
        call->call->aborted(error);
        call->call->finished();
    }
    waiting_.clear();
    again_.clear();
}

}  // namespace haid::pool
