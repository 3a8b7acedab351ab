#include "haid/detail/pool/calls.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

namespace haid::detail {

Limits limits_of(const CallOptions& options) {
    Limits limits;
    limits.timeout = limit_of(options.timeout);
    limits.retries = options.retries;
    limits.backoff = pause_of(options.backoff);
    limits.chunk_size = static_cast<std::uint32_t>(std::min<std::size_t>(options.chunk_size, UINT32_MAX));
    limits.stop_at_failure = !options.keep_going;
    return limits;
}

void run_call(Engine& engine, const std::shared_ptr<Outcome>& call, const CallOptions& options,
              std::optional<std::size_t> total) {
    auto lock = engine.lock();
    engine.submit(lock, call, Engine::Driver::waiting);
    try {
        std::uint64_t told = 0;
        auto untold = [&] { return options.progress && call->done() != told; };
        while (!call->ready() || untold()) {
            engine.wait(
                lock, [&] { return call->ready() || untold(); }, std::nullopt);
            if (!untold()) continue;
            told = call->done();
            lock.unlock();
            options.progress(told, total);
            lock.lock();
        }
    } catch (...) {
        // The call reads the caller's inputs: it has to end before they do.
        if (!lock.owns_lock()) lock.lock();
        engine.cancel(lock, *call);
        engine.wait(
            lock, [&] { return call->ready(); }, std::nullopt);
        throw;
    }
    lock.unlock();
    if (call->error()) std::rethrow_exception(call->error());
}

void do_when_ready(Engine& engine, const std::shared_ptr<Outcome>& call, std::function<void()> action) {
    // The engine outlives its calls; the call must not keep itself alive.
    call->when_ready([&engine, weak = std::weak_ptr(call), action = std::move(action)] {
        engine.later([call = weak.lock(), action] { action(); });
    });
}

}  // namespace haid::detail
