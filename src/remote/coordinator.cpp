#include "remote/coordinator.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "haid/detail/pool/functions.hpp"
#include "haid/error.hpp"
#include "pool/exceptions.hpp"
#include "remote/build.hpp"

namespace haid::remote {

namespace {

// So much work lies ready on a node for each of its workers: more than a network and the loops on both sides take for
// the way there and back, less than anybody waits for.
constexpr double work_ready = 50e6;  // nanoseconds
constexpr double tasks_ready = 4;    // and so many tasks
constexpr std::uint32_t largest_growth = 16;
// Of a task; the pool of the node gives its parts to its workers.
constexpr double most_items = 1 << 16;

std::vector<std::string> environment_of_hosts(const nodes::LaunchPlan& plan, const nodes::Roster& roster) {
    std::vector<std::string> environment = plan.environment;
    environment.push_back(fmt::format("{}={} {}", host_variable, roster.addresses(), roster.secret_path()));
    return environment;
}

std::vector<std::string> words_of(const nodes::LaunchPlan& plan, const std::vector<std::string>& command) {
    std::vector<std::string> words = plan.launcher;
    words.insert(words.end(), command.begin(), command.end());
    return words;
}

}  // namespace

// Collects the input of a task.
class Coordinator::Writer final : public detail::TaskWriter {
  public:
    Writer(BufferEncoder& buffer, Active& call) : TaskWriter(buffer), call_(call) {}

    std::byte* place(std::size_t size) override {
        placed_ = true;
        input_.resize(size);
        return input_.data();
    }
    void share(std::span<const std::byte> common) override {
        if (!call_.shared) call_.common.assign(common.begin(), common.end());
        call_.shared = true;
    }
    Bytes take() {
        if (!placed_) input_.assign(buffer_.bytes().begin(), buffer_.bytes().end());
        return std::move(input_);
    }

  private:
    Active& call_;
    Bytes input_;
    bool placed_ = false;
};

Coordinator::Coordinator(system::EventLoop& loop, const nodes::LaunchPlan& plan,
                         const std::vector<std::string>& command, std::string build, Bytes description)
    : loop_(loop),
      description_(std::move(description)),
      places_(plan.nodes.size()),
      roster_(loop, plan.nodes, plan.run_folder, protocol_version, std::move(build), *this),
      launcher_(words_of(plan, command), environment_of_hosts(plan, roster_)) {
    loop_.add(launcher_.sentinel(), EPOLLIN, *this);
}

Coordinator::~Coordinator() {
    loop_.remove(launcher_.sentinel(), *this);
}

// -- calls

Coordinator::Active* Coordinator::find(const detail::Call& call) const {
    auto found = calls_.find(&call);
    return found == calls_.end() ? nullptr : found->second.get();
}

Coordinator::Active* Coordinator::find(std::uint64_t number) const {
    auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : found->second;
}

void Coordinator::add(std::shared_ptr<detail::Call> call) {
    auto active = std::make_unique<Active>();
    active->call = std::move(call);
    active->number = ++last_call_;
    by_number_[active->number] = active.get();
    active->to_fill = to_fill_.insert(to_fill_.end(), active.get());
    Active& added = *active;
    calls_.emplace(added.call.get(), std::move(active));
    refill(added);
}

void Coordinator::refill(const detail::Call& call) {
    if (Active* active = find(call)) refill(*active);
}

void Coordinator::refill(Active& call) {
    finish_if_done(call);
    dispatch();
}

void Coordinator::cancel(const detail::Call& call, bool stop) {
    if (Active* active = find(call)) cancel(*active, stop);
}

void Coordinator::cancel(Active& call, bool stop) {
    call.cancelled = true;
    std::erase_if(again_, [&](const Task& task) { return task.call == &call; });
    for (std::size_t index : call.opened) {
        Node& node = roster_.nodes()[index];
        Tasks& tasks = place(node).tasks;
        const auto any = tasks.lower_bound({call.number, 0});
        if (any == tasks.end() || any->first.first != call.number) continue;
        call.ending.insert(index);
        say(node, Cancel{call.number, stop});
    }
    finish_if_done(call);
}

void Coordinator::finish_if_done(Active& call) {
    if (call.cancelled ? !call.ending.empty() : call.open > 0 || !call.call->exhausted()) return;
    fill_no_more(call);
    by_number_.erase(call.number);
    std::unique_ptr<Active> last = std::move(calls_.find(call.call.get())->second);
    calls_.erase(last->call.get());
    for (std::size_t index : last->opened) {
        drop(places_[index], *last);
        say(roster_.nodes()[index], Close{last->number});
    }
    last->call->finished();
    changed_ = true;
}

void Coordinator::abort_all(const std::exception_ptr& error) {
    std::vector<Active*> all;
    all.reserve(calls_.size());
    for (auto& [key, call] : calls_) all.push_back(call.get());
    for (Active* active : all) {
        const std::shared_ptr<detail::Call> call = active->call;
        call->aborted(error);
        cancel(*active, true);
        if (find(*call) == nullptr) continue;
        active->ending.clear();
        finish_if_done(*active);
    }
}

void Coordinator::fail(const std::exception_ptr& error) {
    if (!broken_) broken_ = error;
    abort_all(broken_);
    changed_ = true;
}

// -- items go out

void Coordinator::dispatch() {
    for (bool any = !broken_; any;) {
        any = false;
        for (Node& node : roster_.nodes()) {
            if (has_room(node)) any = give_one(node) || any;
        }
    }
}

bool Coordinator::give_one(Node& node) {
    if (!again_.empty()) {
        Task task = std::move(again_.front());
        again_.pop_front();
        give(node, std::move(task));
        return true;
    }
    for (std::size_t tried = to_fill_.size(); tried > 0 && !to_fill_.empty(); --tried) {
        Active& call = *to_fill_.front();
        if (call.cancelled || call.call->exhausted()) {
            fill_no_more(call);
            finish_if_done(call);
            continue;
        }
        // One task of each in turn: a short call does not wait behind a long one.
        to_fill_.splice(to_fill_.end(), to_fill_, to_fill_.begin());
        if (fill(node, call)) return true;
    }
    return false;
}

void Coordinator::fill_no_more(Active& call) {
    if (call.to_fill == to_fill_.end()) return;
    to_fill_.erase(call.to_fill);
    call.to_fill = to_fill_.end();
}

// Where it is not known how long items take, one for each worker and some more: they may be long.
bool Coordinator::has_room(const Node& node) const {
    const Place& there = places_[node.index()];
    const auto workers = static_cast<std::uint64_t>(there.workers);
    return node.connected() && there.ready &&
           (there.items < workers + 1 + workers / 8 || there.work < work_ready * there.workers);
}

std::uint32_t Coordinator::items_for_next_task(const Active& call, const Place& place) const {
    const detail::Limits& limits = call.call->limits();
    if (limits.one_at_a_time) return 1;
    if (limits.chunk_size != 0) return limits.chunk_size;
    if (call.item_time == 0) return 1;
    double wanted = std::min(work_ready * place.workers / tasks_ready / call.item_time,
                             static_cast<double>(call.last_chunk) * largest_growth);
    if (auto remaining = call.call->remaining()) {
        // Towards the end smaller and smaller, so that all nodes end together.
        wanted = std::min(wanted, static_cast<double>(*remaining) / (2.0 * static_cast<double>(places_.size())));
    }
    return static_cast<std::uint32_t>(std::clamp(wanted, 1.0, most_items));
}

bool Coordinator::fill(Node& node, Active& call) {
    Writer writer(buffer_, call);
    writer.first = call.next_item;
    writer.most_items = items_for_next_task(call, place(node));
    std::uint32_t count = 0;
    try {
        count = call.call->fill(writer);
        if (count == 0) return false;
        const bool is_function = !call.shared && writer.context != 0;
        if (is_function && !is_of_this_build(writer.context)) {
            throw std::invalid_argument(
                "a pool over nodes takes functions of the program itself: give it a lambda that calls this one");
        }
    } catch (...) {
        // An input that cannot be sent: nothing of this call can go on in order.
        call.call->aborted(std::current_exception());
        cancel(call, false);
        return false;
    }
    Task task{};
    task.call = &call;
    task.first = call.next_item;
    task.open.assign(count, true);
    task.left = count;
    task.function = detail::number_of(writer.run);
    task.context = writer.context;
    task.input = std::make_shared<const Bytes>(writer.take());
    call.next_item += count;
    call.open += count;
    call.last_chunk = count;
    give(node, std::move(task));
    return true;
}

void Coordinator::give(Node& node, Task task) {
    Place& there = place(node);
    Active& call = *task.call;
    nodes::Connection& to = *node.connection();
    if (call.opened.insert(node.index()).second) {
        const detail::Limits& limits = call.call->limits();
        send_in_pieces<OfPool>(
            to,
            Open{call.number, limits.timeout.count(), limits.retries, limits.backoff.count(), call.shared, call.common},
            &Open::common);
    }
    const auto behind = static_cast<std::uint32_t>(task.from + task.open.size());
    send_in_pieces<OfPool>(
        to, Items{call.number, task.first, task.from, behind, task.function, task.context, *task.input}, &Items::input);
    // What is not known is thought to be much: nothing more is given on account of it.
    task.item_time = call.item_time != 0 ? call.item_time : work_ready;
    there.items += task.left;
    there.work += task.left * task.item_time;
    const auto key = std::pair(call.number, task.begin());
    there.tasks.insert_or_assign(key, std::move(task));
}

// -- what becomes of them

Coordinator::Task* Coordinator::task_of(Place& place, std::uint64_t call, std::uint64_t item) {
    auto behind = place.tasks.upper_bound({call, item});
    if (behind == place.tasks.begin()) return nullptr;
    auto& [key, task] = *std::prev(behind);
    return key.first == call && item < task.end() ? &task : nullptr;
}

void Coordinator::resolve(Place& place, Task& task, std::uint64_t first, std::uint32_t count) {
    Active& call = *task.call;
    for (std::uint64_t item = first; item < first + count; ++item) {
        auto open = task.open[item - task.begin()];
        if (!open) throw DecodeError("haid: an item came to two ends");
        open = false;
    }
    task.left -= count;
    forget(place, task, count);
    call.open -= count;
    changed_ = true;
    if (task.left == 0) place.tasks.erase({call.number, task.begin()});
    finish_if_done(call);
}

void Coordinator::forget(Place& place, const Task& task, std::uint32_t items) {
    place.items -= items;
    place.work = place.items == 0 ? 0 : place.work - items * task.item_time;
}

template <class Take>
void Coordinator::take_values(Place& place, const Values& values, Take take) {
    Task* task = task_of(place, values.call, values.first);
    if (task == nullptr) return;
    if (values.count == 0 || values.first + values.count > task->end()) {
        throw DecodeError("haid: results of items that were not given");
    }
    Active& call = *task->call;
    if (values.nanoseconds > 0) {
        const double item_time = static_cast<double>(values.nanoseconds) / values.count;
        call.item_time = call.item_time == 0 ? item_time : 0.75 * call.item_time + 0.25 * item_time;
    }
    std::uint32_t decoded = 0;
    bool aborted = false;
    if (!call.cancelled) {
        try {
            take(*call.call, decoded);
        } catch (const DecodeError& error) {
            for (std::uint64_t item = values.first + decoded; item < values.first + values.count; ++item) {
                call.call->failed(item, std::make_exception_ptr(TaskError(
                                            "haid::DecodeError",
                                            fmt::format("the result cannot be decoded: {}", error.what()), item, -1)));
            }
        } catch (...) {
            // The caller's memory is at its end, or his own code has thrown.
            call.call->aborted(std::current_exception());
            aborted = true;
        }
    }
    const std::shared_ptr<detail::Call> kept = call.call;
    resolve(place, *task, values.first, values.count);
    if (aborted) cancel(*kept, false);
}

void Coordinator::on_message(Node& node, Decoder& from) {
    auto message = decode<OfHost>(from);
    std::visit([&](auto& one) { take(node, one); }, message);
    dispatch();
}

void Coordinator::take(Node& node, Piece& piece) {
    place(node).pieces.add(std::move(piece));
}

void Coordinator::take(Node& node, const Ready& ready) {
    Place& there = place(node);
    there.ready = true;
    there.workers = std::max(ready.workers, 1);
    there.first_worker = workers() - there.workers;
    changed_ = true;
}

void Coordinator::take(Node& node, Values& values) {
    Place& there = place(node);
    there.pieces.complete(values.bytes);
    if (values.large) {
        return take_values(there, values, [&](detail::Call& call, std::uint32_t& decoded) {
            call.large_value(values.first, values.bytes, decoded);
        });
    }
    take_values(there, values, [&](detail::Call& call, std::uint32_t& decoded) {
        Decoder from(values.bytes);
        call.values(values.first, values.count, from, decoded);
    });
}

void Coordinator::take(Node& node, Failed& failed) {
    Place& there = place(node);
    there.pieces.complete(failed.error);
    Task* task = task_of(there, failed.call, failed.item);
    if (task == nullptr) return;
    Active& call = *task->call;
    const int worker = failed.worker < 0 ? -1 : there.first_worker + failed.worker;
    const bool counts = !call.cancelled;
    if (counts) {
        call.call->failed(failed.item, failed.lost ? std::make_exception_ptr(WorkerLost(
                                                         fmt::format("{} (on {})", failed.lost->how, node.name()),
                                                         failed.lost->exit_code, failed.item, worker))
                                                   : pool::decode_exception(failed.error, failed.item, worker));
    }
    const std::shared_ptr<detail::Call> kept = call.call;
    resolve(there, *task, failed.item, 1);
    if (counts && kept->limits().stop_at_failure) cancel(*kept, false);
}

void Coordinator::take(Node& node, Aborted& aborted) {
    place(node).pieces.complete(aborted.error);
    Active* call = find(aborted.call);
    if (call == nullptr || call->cancelled) return;
    call->call->aborted(pool::decode_exception(aborted.error, 0, -1));
    cancel(*call, false);
}

void Coordinator::take(Node& node, const Over& over) {
    Active* call = find(over.call);
    if (call == nullptr || !call->cancelled) return;
    drop(place(node), *call);
    call->ending.erase(node.index());
    finish_if_done(*call);
}

void Coordinator::take(Node& node, Broken& broken) {
    place(node).pieces.complete(broken.error);
    fail(pool::decode_exception(broken.error, 0, -1));
}

// The call's tasks there are of no interest any more.
void Coordinator::drop(Place& place, const Active& call) {
    for (auto at = place.tasks.lower_bound({call.number, 0}); at != place.tasks.end() && at->first.first == call.number;
         at = place.tasks.erase(at)) {
        forget(place, at->second, at->second.left);
    }
}

// -- nodes

void Coordinator::on_called(Node& node) {
    if (leaving_) return say(node, Goodbye{true});
    send_in_pieces<OfPool>(*node.connection(), Welcome{description_}, &Welcome::description);
}

void Coordinator::on_news(const std::string& text) {
    fmt::print(stderr, "haid: {}\n", text);
}

void Coordinator::on_cut(Node& node, const std::string& reason, std::chrono::seconds left) {
    on_news(
        fmt::format("no connection to node {} ({}); its {} item(s) run elsewhere in {} s, when they have ended there "
                    "for certain",
                    node.name(), reason, place(node).items, left.count()));
}

void Coordinator::on_lost(Node& node, const std::string& reason) {
    Place& there = place(node);
    on_news(there.items == 0
                ? fmt::format("node {} is lost: {}", node.name(), reason)
                : fmt::format("node {} is lost: {}; its {} item(s) run elsewhere", node.name(), reason, there.items));
    there.ready = false;
    take_back(there);
    std::vector<Active*> all;
    for (auto& [key, call] : calls_) {
        call->opened.erase(node.index());
        if (call->ending.erase(node.index()) != 0) all.push_back(call.get());
    }
    for (Active* call : all) finish_if_done(*call);
    changed_ = true;
    expect_somebody();
    dispatch();
}

// What was not resolved there is to be given to others: each run of items a task.
void Coordinator::take_back(Place& place) {
    for (auto& [key, task] : place.tasks) {
        if (task.call->cancelled) continue;
        for (std::size_t at = 0; at < task.open.size();) {
            std::size_t behind = at;
            while (behind < task.open.size() && task.open[behind]) ++behind;
            if (behind > at) {
                Task part = task;
                part.from = static_cast<std::uint32_t>(task.from + at);
                part.open.assign(behind - at, true);
                part.left = static_cast<std::uint32_t>(behind - at);
                again_.push_back(std::move(part));
            }
            at = behind + 1;
        }
    }
    place.tasks.clear();
    place.items = 0;
    place.work = 0;
}

void Coordinator::expect_somebody() {
    if (leaving_ || roster_.hope(!launcher_.ended())) return;
    fail(std::make_exception_ptr(
        Error(launcher_.ended() ? fmt::format("no node is left to run anything ({})", launcher_.how_it_ended())
                                : "no node is left to run anything")));
}

void Coordinator::on_ready(std::uint32_t) {
    if (!launcher_.ended()) return;
    loop_.change(launcher_.sentinel(), 0, *this);
    changed_ = true;
    expect_somebody();
}

void Coordinator::tick() {
    roster_.tick();
    if (launcher_.ended()) expect_somebody();
}

bool Coordinator::complete() const {
    if (broken_) return true;
    const auto& all = roster_.nodes();
    return std::all_of(all.begin(), all.end(),
                       [&](const Node& node) { return places_[node.index()].ready || !roster_.may_come(node); });
}

bool Coordinator::anybody() const {
    const auto& all = roster_.nodes();
    return std::any_of(all.begin(), all.end(), [](const Node& node) { return node.connected(); });
}

int Coordinator::workers() const {
    int sum = 0;
    for (const Place& one : places_) sum += one.ready ? one.workers : 0;
    return sum;
}

void Coordinator::say_goodbye(bool at_once) {
    leaving_ = true;
    roster_.finish();
    roster_.send_all(OfPool(Goodbye{at_once}));
}

}  // namespace haid::remote
