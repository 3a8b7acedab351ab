// A result that will be there later.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "haid/detail/pool/gather.hpp"
#include "haid/error.hpp"

namespace haid {

// What map_async, starmap_async and apply_async give. Copies share the result; the call goes on where nobody has one.
// Thread-safe but for get() &&.
template <class T>
class AsyncResult {
  public:
    AsyncResult(std::shared_ptr<detail::Engine> engine, std::shared_ptr<detail::OutcomeCall<T>> call)
        : engine_(std::move(engine)), call_(std::move(call)) {}

    // Whether all of it is done, failed or not.
    bool ready() const {
        auto lock = engine_->lock();
        return call_->ready();
    }
    // Whether it is done and nothing has failed. Throws Error where it is not done yet.
    bool successful() const {
        auto lock = engine_->lock();
        if (!call_->ready()) throw Error("successful(): the result is not there yet; wait() for it first");
        return call_->successful();
    }

    void wait() const {
        auto lock = engine_->lock();
        engine_->wait(
            lock, [this] { return call_->ready(); }, std::nullopt);
    }
    // False: it is not ready after that time.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> time) const {
        auto lock = engine_->lock();
        auto until = detail::Clock::now() + std::chrono::ceil<detail::Clock::duration>(time);
        return engine_->wait(
            lock, [this] { return call_->ready(); }, until);
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

  private:
    void require() const {
        wait();
        if (call_->error()) std::rethrow_exception(call_->error());
    }

    std::shared_ptr<detail::Engine> engine_;
    std::shared_ptr<detail::OutcomeCall<T>> call_;
};

}  // namespace haid
