#include "pool/engine_base.hpp"

#include <utility>

#include "haid/error.hpp"

namespace haid::pool {

detail::Engine::Lock EngineBase::lock() {
    owner_.require_this_process();
    return Lock(mutex_);
}

void EngineBase::later(std::function<void()> action) {
    actions_.add(std::move(action));
    changed_.notify_all();
}

void EngineBase::close() {
    Lock guard = lock();
    closed_ = true;
}

void EngineBase::join() {
    Lock guard = lock();
    if (!closed_ && !ended_) throw Error("join() needs close() or terminate() before it");
    wait(
        guard, [this] { return idle() && actions_.idle(); }, std::nullopt);
    leave(guard);
}

void EngineBase::terminate() {
    end(lock());
}

void EngineBase::require_open(const std::exception_ptr& broken) const {
    if (broken) std::rethrow_exception(broken);
    if (closed_ || ended_) throw PoolClosed("this pool was closed: it takes no more work");
}

std::exception_ptr EngineBase::cut_short() {
    return std::make_exception_ptr(PoolClosed("the pool was ended before this was done"));
}

bool EngineBase::wait_for_change(Lock& lock, std::optional<detail::Time> until) {
    bool in_time = true;
    ++waiting_;
    if (until) {
        in_time = changed_.wait_until(lock, *until) == std::cv_status::no_timeout;
    } else {
        changed_.wait(lock);
    }
    --waiting_;
    return in_time;
}

}  // namespace haid::pool
