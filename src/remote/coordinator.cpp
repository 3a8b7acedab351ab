#include "remote/coordinator.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "channel/layout.hpp"
#include "haid/detail/pool/functions.hpp"
#include "haid/error.hpp"
#include "pool/exceptions.hpp"
#include "remote/build.hpp"
#include "system/tell.hpp"

namespace haid::remote {

namespace {

constexpr double tasks_ready = 4;  // that `work_ready` is divided into
// Towards the end a node has so many tasks to go.
constexpr double tasks_of_the_rest = 2;
// Of a task; the pool of the node gives its parts to its workers.
constexpr std::uint32_t most_items = 1 << 16;

}  // namespace

// Collects the input of a task.
class Coordinator::Writer final : public detail::TaskWriter {
  public:
    Writer(BufferEncoder& buffer, ActiveCall& call) : TaskWriter(buffer), call_(call) {}

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
    ActiveCall& call_;
    Bytes input_;
    bool placed_ = false;
};

Coordinator::Coordinator(system::EventLoop& loop, const nodes::LaunchPlan& plan,
                         const std::vector<std::string>& command, std::string build, Bytes description)
    : loop_(loop),
      description_(std::move(description)),
      places_(plan.nodes.size()),
      roster_(loop, plan.nodes, plan.run_folders, protocol_version, std::move(build), *this),
      launcher_(plan, command, {fmt::format("{}={} {}", host_variable, roster_.addresses(), roster_.secret_path())}) {
    loop_.add(launcher_.sentinel(), EPOLLIN, *this);
}

Coordinator::~Coordinator() {
    loop_.remove(launcher_.sentinel(), *this);
}

// -- calls

ActiveCall* Coordinator::find(const detail::Call& call) const {
    auto found = calls_.find(&call);
    return found == calls_.end() ? nullptr : found->second.get();
}

ActiveCall* Coordinator::find(std::uint64_t number) const {
    auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : found->second;
}

void Coordinator::add(std::shared_ptr<detail::Call> call) {
    auto active = std::make_unique<ActiveCall>(std::move(call));
    active->number = ++last_call_;
    by_number_[active->number] = active.get();
    active->to_fill = to_fill_.insert(to_fill_.end(), active.get());
    ActiveCall& added = *active;
    calls_.emplace(added.call.get(), std::move(active));
    refill(added);
}

void Coordinator::refill(const detail::Call& call) {
    if (ActiveCall* active = find(call)) refill(*active);
}

void Coordinator::refill(ActiveCall& call) {
    finish_if_done(call);
    dispatch();
}

void Coordinator::cancel(const detail::Call& call, bool stop) {
    if (ActiveCall* active = find(call)) cancel(*active, stop);
}

void Coordinator::cancel(ActiveCall& call, bool stop) {
    call.cancelled = true;
    std::erase_if(again_, [&](const Task& task) { return task.call == &call; });
    for (std::size_t index : call.opened) {
        Node& node = roster_.nodes()[index];
        if (!place(node).assigned.has_any_of(call)) continue;
        call.ending.insert(index);
        say(node, Cancel{call.number, stop});
    }
    finish_if_done(call);
}

void Coordinator::finish_if_done(ActiveCall& call) {
    if (call.cancelled ? !call.ending.empty() : call.open > 0 || !call.call->exhausted()) return;
    fill_no_more(call);
    by_number_.erase(call.number);
    std::unique_ptr<ActiveCall> last = std::move(calls_.find(call.call.get())->second);
    calls_.erase(last->call.get());
    for (std::size_t index : last->opened) {
        places_[index].assigned.drop(*last);
        say(roster_.nodes()[index], Close{last->number});
    }
    last->call->finished();
    changed_ = true;
}

void Coordinator::abort_all(const std::exception_ptr& error) {
    std::vector<ActiveCall*> all;
    all.reserve(calls_.size());
    for (auto& [key, call] : calls_) all.push_back(call.get());
    for (ActiveCall* active : all) {
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
            if (node.connected() && place(node).assigned.has_room()) any = give_one(node) || any;
        }
    }
}

bool Coordinator::give_one(Node& node) {
    if (!again_.empty() && place(node).assigned.has_room_for_suspects()) {
        Task task = std::move(again_.front());
        again_.pop_front();
        give(node, std::move(task));
        return true;
    }
    for (std::size_t tried = to_fill_.size(); tried > 0 && !to_fill_.empty(); --tried) {
        ActiveCall& call = *to_fill_.front();
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

void Coordinator::fill_no_more(ActiveCall& call) {
    if (call.to_fill == to_fill_.end()) return;
    to_fill_.erase(call.to_fill);
    call.to_fill = to_fill_.end();
}

bool Coordinator::fill(Node& node, ActiveCall& call) {
    Writer writer(buffer_, call);
    writer.first = call.next_item;
    writer.most_items = call.next_chunk({work_ready * place(node).assigned.workers() / tasks_ready,
                                         tasks_of_the_rest * static_cast<double>(places_.size()), most_items});
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
    ActiveCall& call = *task.call;
    nodes::Connection& to = *node.connection();
    if (call.opened.insert(node.index()).second) {
        send_in_pieces<OfPool>(
            to, Open{call.number, call.call->limits(), call.call->listener() != nullptr, call.shared, call.common},
            &Open::common);
    }
    const auto behind = static_cast<std::uint32_t>(task.from + task.open.size());
    send_in_pieces<OfPool>(
        to, Items{call.number, task.first, task.from, behind, task.function, task.context, *task.input}, &Items::input);
    // What is not known is thought to be much: nothing more is given on account of it.
    task.item_time = call.pace.item_time() != 0 ? call.pace.item_time() : work_ready;
    place(node).assigned.add(std::move(task));
}

// -- what becomes of them

void Coordinator::resolve(Node& node, Task& task, std::uint64_t first, std::uint32_t count, const Verdict& verdict) {
    ActiveCall& call = *task.call;
    place(node).assigned.resolve(task, first, count);
    call.open -= count;
    changed_ = true;
    go_on(call, verdict);
}

void Coordinator::go_on(ActiveCall& call, const Verdict& verdict) {
    if (verdict.goes_on) {
        finish_if_done(call);
    } else {
        cancel(call, false);
    }
}

Coordinator::Ended Coordinator::ended(Node& node, const Attempt& attempt, std::uint64_t first, std::uint64_t count) {
    const Place& there = place(node);
    if (attempt.worker >= there.assigned.workers()) throw DecodeError("haid: a result of a worker that is not there");
    return {first,
            count,
            std::chrono::nanoseconds(attempt.nanoseconds),
            attempt.worker < 0 ? -1 : there.first_worker + attempt.worker,
            node.name(),
            std::max<std::uint64_t>(attempt.number, 1)};
}

template <class Take>
void Coordinator::take_values(Node& node, const Values& values, Take take) {
    Task* task = place(node).assigned.find(values.call, values.first);
    if (task == nullptr) return;
    task->require_open(values.first, values.count);
    ActiveCall& call = *task->call;
    const auto verdict = call.values(ended(node, values.attempt, values.first, values.count), take);
    resolve(node, *task, values.first, values.count, verdict);
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
    if (ready.workers < 1 || static_cast<std::size_t>(ready.workers) > channel::most_workers) {
        throw DecodeError(fmt::format("haid: a host with {} workers", ready.workers));
    }
    there.first_worker = workers();
    there.assigned.set_workers(ready.workers);
    changed_ = true;
}

void Coordinator::take(Node& node, Values& values) {
    Place& there = place(node);
    there.pieces.complete(values.bytes);
    if (values.large) {
        return take_values(node, values, [&](detail::Call& call, std::uint32_t& decoded) {
            call.large_value(values.first, values.bytes, decoded);
        });
    }
    take_values(node, values, [&](detail::Call& call, std::uint32_t& decoded) {
        Decoder from(values.bytes);
        call.values(values.first, values.count, from, decoded);
    });
}

void Coordinator::take(Node& node, Failed& failed) {
    Place& there = place(node);
    there.pieces.complete(failed.error);
    Task* task = there.assigned.find(failed.call, failed.item);
    if (task == nullptr) return;
    task->require_open(failed.item, 1);
    ActiveCall& call = *task->call;
    const auto attempt = ended(node, failed.attempt, failed.item, 1);
    const auto worker = static_cast<int>(attempt.worker);
    const std::exception_ptr error =
        failed.lost ? std::make_exception_ptr(WorkerLost(fmt::format("{} (on {})", failed.lost->how, node.name()),
                                                         failed.lost->exit_code, failed.item, worker))
                    : pool::decode_exception(failed.error, failed.item, worker);
    if (failed.again) return call.failed_at_first(attempt, error);
    resolve(node, *task, failed.item, 1, call.failed_for_good(attempt, error));
}

void Coordinator::take(Node& node, Aborted& aborted) {
    place(node).pieces.complete(aborted.error);
    ActiveCall* call = find(aborted.call);
    if (call == nullptr || call->cancelled) return;
    call->call->aborted(pool::decode_exception(aborted.error, 0, -1));
    cancel(*call, false);
}

void Coordinator::take(Node& node, const Over& over) {
    ActiveCall* call = find(over.call);
    if (call == nullptr || !call->cancelled) return;
    place(node).assigned.drop(*call);
    call->ending.erase(node.index());
    finish_if_done(*call);
}

void Coordinator::take(Node& node, Broken& broken) {
    place(node).pieces.complete(broken.error);
    fail(pool::decode_exception(broken.error, 0, -1));
}

// -- nodes

void Coordinator::on_called(Node& node) {
    if (leaving_) return say(node, Goodbye{true});
    send_in_pieces<OfPool>(*node.connection(), Welcome{description_}, &Welcome::description);
}

void Coordinator::on_news(const std::string& text) {
    system::tell("haid: {}\n", text);
}

void Coordinator::on_missed(Node& node, const std::string& reason, std::chrono::seconds left) {
    on_news(
        fmt::format("no connection to node {} ({}); its {} item(s) run elsewhere in {} s, when they have ended there "
                    "for certain",
                    node.name(), reason, place(node).assigned.items(), left.count()));
}

void Coordinator::on_lost(Node& node, const std::string& reason) {
    Assignments& assigned = place(node).assigned;
    on_news(assigned.empty() ? fmt::format("node {} is lost: {}", node.name(), reason)
                             : fmt::format("node {} is lost: {}; its {} item(s) run elsewhere", node.name(), reason,
                                           assigned.items()));
    assigned.set_workers(0);
    give_again(node);
    std::vector<ActiveCall*> all;
    for (auto& [key, call] : calls_) {
        call->opened.erase(node.index());
        if (call->ending.erase(node.index()) != 0) all.push_back(call.get());
    }
    for (ActiveCall* call : all) finish_if_done(*call);
    changed_ = true;
    expect_somebody();
    dispatch();
}

// What it had, to others, except what was on other nodes that were lost.
void Coordinator::give_again(Node& node) {
    std::vector<std::pair<std::uint64_t, Task>> suspects;  // by their calls' numbers: a call may end before its turn
    for (Task& part : place(node).assigned.take_back()) {
        if (part.losses <= part.call->call->limits().retries + 1) {
            again_.push_back(std::move(part));
        } else {
            suspects.emplace_back(part.call->number, std::move(part));
        }
    }
    for (const auto& [number, part] : suspects) {
        ActiveCall* call = find(number);
        if (call != nullptr && !call->cancelled) fail_suspect(*call, part, node.name());
    }
}

void Coordinator::fail_suspect(ActiveCall& call, const Task& part, const std::string& last_node) {
    const std::string how = fmt::format("it was on {} nodes that were lost, the last of them {}; perhaps it ends them",
                                        part.losses, last_node);
    Verdict verdict;
    for (std::uint64_t item = part.begin(); item < part.end(); ++item) {
        verdict = call.failed_for_good({.first = item, .host = last_node},
                                       std::make_exception_ptr(WorkerLost(how, -SIGKILL, item, -1)));
    }
    call.open -= part.left;
    go_on(call, verdict);
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
    return std::all_of(all.begin(), all.end(), [&](const Node& node) {
        return places_[node.index()].assigned.workers() > 0 || !roster_.may_come(node);
    });
}

bool Coordinator::anybody() const {
    const auto& all = roster_.nodes();
    return std::any_of(all.begin(), all.end(), [](const Node& node) { return node.connected(); });
}

int Coordinator::workers() const {
    int sum = 0;
    for (const Place& one : places_) sum += one.assigned.workers();
    return sum;
}

void Coordinator::say_goodbye(bool at_once) {
    leaving_ = true;
    roster_.finish();
    roster_.send_all(OfPool(Goodbye{at_once}));
}

}  // namespace haid::remote
