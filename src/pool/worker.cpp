#include "pool/worker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "channel/attention.hpp"
#include "channel/board.hpp"
#include "haid/detail/pool/current_item.hpp"
#include "haid/detail/pool/functions.hpp"
#include "pool/output_flush.hpp"
#include "pool/running_task.hpp"
#include "system/error.hpp"
#include "system/futex.hpp"

namespace haid::pool {

void take_budget(const WorkerSettings& settings) {
    channel::Header& header = settings.segment->header();
    while (header.cpus.load() == 0) system::sleep_while(header.cpus, 0);
    settings.budget->apply(static_cast<int>(header.cpus.load()));
}

namespace {

void run_tasks(const WorkerSettings& settings, std::size_t worker, RunningTask& task, channel::ParentBell& bell) {
    channel::Segment& segment = *settings.segment;
    channel::Header& header = segment.header();
    const bool several_cpus = header.several_cpus.load() != 0;
    detail::WorkerHooks* hooks = settings.engine.hooks.get();
    const std::uint64_t most_items = settings.engine.pool.tasks_per_worker;
    if (hooks != nullptr) hooks->flush();
    if (has_unflushed_output()) flush_output();
    segment.lane(worker).is_ready.store(1);
    task.waited();
    const detail::CurrentItem current(task);
    while (most_items == 0 || task.items_run() < most_items) {
        std::uint64_t function = 0;
        bool claimed = channel::claim(segment, worker, [&](const channel::Claimed& slot) {
            task.take(slot);
            function = slot.function;
        });
        if (claimed) {
            task.wait_if_halted();
            detail::function_of<detail::RunTask>(function)(task);
            task.finish();
        } else if (header.closing.load() != 0) {
            break;
        } else {
            bell.ring(true);
        }
        // A task has closed it: this one leaves, which the parent sees, and another one takes its place.
        if (bell.is_lost()) break;
        if (claimed) continue;
        // One that sleeps leaves a CPU to spare; where none does, the parent may need this one.
        const bool spare = several_cpus && header.sleepers.load() > 0;
        bool more = channel::comes_soon(spare ? channel::patience : channel::patience_of_the_busy, [&] {
            return header.head.load(std::memory_order_relaxed) < header.tail.load(std::memory_order_relaxed);
        });
        if (!more) {
            if (hooks != nullptr) hooks->before_wait();
            channel::sleep_until_published(segment, worker);
            if (hooks != nullptr) hooks->after_wait();
        }
        task.waited();
    }
}

void add_niceness(int levels) {
    errno = 0;  // -1 is a niceness, too
    if (levels == 0 || ::nice(levels) != -1 || errno == 0) return;
    throw system::SystemError(
        errno,
        fmt::format("a worker cannot add {} to its niceness (what takes from it needs a privilege: see ulimit -e)",
                    levels));
}

}  // namespace

int work(const WorkerSettings& settings, std::size_t worker) {
    channel::Segment& segment = *settings.segment;
    take_budget(settings);
    channel::ParentBell bell(segment, settings.event);
    segment.lane(worker).pid.store(static_cast<std::uint32_t>(::getpid()));
    const detail::EngineOptions& engine = settings.engine;
    detail::WorkerHooks* hooks = engine.hooks.get();
    RunningTask task(segment, worker, bell, hooks);
    bool has_started = false;
    auto begin = [&] {
        if (engine.pool.initializer) engine.pool.initializer();
        has_started = true;
        run_tasks(settings, worker, task, bell);
    };
    try {
        add_niceness(engine.pool.nice);
        if (engine.enter) engine.enter(worker);
        if (hooks != nullptr) {
            hooks->live(worker, std::ref(begin));
        } else {
            begin();
        }
    } catch (...) {
        if (has_started) throw;
        task.report_fault(std::current_exception());
        return 1;
    }
    return 0;
}

}  // namespace haid::pool
