#include "pool/worker.hpp"

#include "channel/attention.hpp"
#include "channel/board.hpp"
#include "haid/detail/pool/functions.hpp"
#include "pool/output_flush.hpp"
#include "pool/running_task.hpp"
#include "system/cpu_budget.hpp"

namespace haid::pool {
namespace {

// How long a worker looks for the next task before it sleeps: being woken costs it and its parent some 9 µs.
constexpr std::chrono::microseconds patience{3};

void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

bool something_comes_soon(const channel::Header& header) {
    auto until = std::chrono::steady_clock::now() + patience;
    do {
        for (int i = 0; i < 16; ++i) {
            if (header.head.load(std::memory_order_relaxed) < header.tail.load(std::memory_order_relaxed)) return true;
            pause();
        }
    } while (std::chrono::steady_clock::now() < until);
    return false;
}

}  // namespace

int work(const WorkerSettings& settings, std::size_t worker) {
    system::apply_cpu_budget(settings.cpus);
    channel::Segment& segment = *settings.segment;
    channel::Header& header = segment.header();
    channel::ParentBell bell(segment, settings.event);
    RunningTask task(segment, worker, bell);
    try {
        if (settings.initializer) settings.initializer();
    } catch (...) {
        task.report_fault(std::current_exception());
        return 1;
    }
    if (has_unflushed_output()) flush_output();
    segment.lane(worker).is_ready.store(1);
    task.waited();
    while (settings.most_items == 0 || task.items_run() < settings.most_items) {
        std::uint64_t function = 0;
        bool claimed = channel::claim(segment, worker, [&](const channel::Claimed& slot) {
            task.take(slot);
            function = slot.function;
        });
        if (claimed) {
            task.wait_if_halted();
            detail::function_of<detail::RunTask>(function)(task);
            task.finish();
            continue;
        }
        if (header.closing.load() != 0) break;
        bell.ring(true);
        if (!something_comes_soon(header)) channel::sleep_until_published(segment, worker);
        task.waited();
    }
    return 0;
}

}  // namespace haid::pool
