// A result that will be there later.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "haid/detail/pool/gather.hpp"
#include "haid/detail/sync/deadline.hpp"
#include "haid/error.hpp"

namespace haid {

// What map_async, starmap_async and apply_async give. Copies share the result; the call goes on where nobody has one.
// Thread-safe but for get() &&. One that was moved from has no result: all members throw Error.
template <class T>
class AsyncResult {
  public:
    AsyncResult(std::shared_ptr<detail::Engine> engine, std::shared_ptr<detail::OutcomeCall<T>> call)
        : engine_(std::move(engine)), call_(std::move(call)) {}

    // Whether all of it is done, failed or not.
    bool ready() const {
        auto lock = engine().lock();
        return call_->ready();
    }
    // Whether it is done and nothing has failed. Throws Error where it is not done yet.
    bool successful() const {
        auto lock = engine().lock();
        if (!call_->ready()) throw Error("successful(): the result is not there yet; wait() for it first");
        return call_->successful();
    }

    void wait() const { wait_by(detail::Deadline::never()); }
    // False: it is not ready after that time. Any duration and any clock will do: hours::max() waits for ever, what has
    // passed (or is a NaN) only looks.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> time) const {
        return wait_by(detail::Deadline::after(time));
    }
    template <class Clock, class Duration>
    bool wait_until(std::chrono::time_point<Clock, Duration> time) const {
        return wait_by(detail::Deadline::at(time));
    }

    // Waits for the result; throws the error of the first item that has failed.
    decltype(auto) get() const& {
        require();
        if constexpr (!std::is_void_v<T>) return static_cast<const T&>(call_->value());
    }
    // The same, and takes the value out: for the only copy of this object.
    T get() && {
        require();
        if constexpr (!std::is_void_v<T>) return std::move(call_->value());
    }
    // Throws TimeoutError where it is not ready after that time.
    template <class Rep, class Period>
    decltype(auto) get_for(std::chrono::duration<Rep, Period> time) const& {
        if (!wait_for(time)) throw TimeoutError("the result is not there yet");
        return get();
    }
    template <class Clock, class Duration>
    decltype(auto) get_until(std::chrono::time_point<Clock, Duration> time) const& {
        if (!wait_until(time)) throw TimeoutError("the result is not there yet");
        return get();
    }

  private:
    detail::Engine& engine() const {
        if (!engine_) throw Error("this haid::AsyncResult was moved from: it has no result");
        return *engine_;
    }
    bool wait_by(const detail::Deadline& deadline) const {
        auto lock = engine().lock();
        return engine_->wait(
            lock, [this] { return call_->ready(); }, deadline.on_steady_clock());
    }
    void require() const {
        wait();
        if (call_->error()) std::rethrow_exception(call_->error());
    }

    std::shared_ptr<detail::Engine> engine_;
    std::shared_ptr<detail::OutcomeCall<T>> call_;
};

}  // namespace haid
