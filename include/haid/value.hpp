// One value in memory that processes share. A process shares it with the children it forks after making it.
//
//     haid::Value<int> counter(0);
//     ... fork ...
//     counter.update([](int& n) { ++n; });
//
// It has a lock; every access below takes it, and throws what RLock::lock throws (OwnerDied, once, after a holder died:
// the value may be half changed; so do the operators). To do several things as one, hold the lock:
//
//     std::scoped_lock guard(counter.get_lock());
//     if (counter.load() < 10) counter.store(0);
//
// Thread-safe, but for construction and destruction. Two mappings of a page.
#pragma once

#include <concepts>
#include <functional>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "haid/detail/sync/shared_memory.hpp"
#include "haid/lock.hpp"

namespace haid {

// What may lie in memory that processes share: its bytes are its value, everywhere.
template <class T>
concept Shareable = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_const_v<T>;

template <Shareable T>
class Value {
  public:
    // Throws std::system_error.
    explicit Value(const T& initial = T{}) : memory_(sizeof(T)), value_(new(memory_.data()) T(initial)) {}
    Value(const Value&) = delete;
    Value& operator=(const Value&) = delete;

    T load() const {
        std::lock_guard guard(lock_);
        return *value_;
    }
    void store(const T& value) {
        std::lock_guard guard(lock_);
        *value_ = value;
    }
    // Calls change(T&) with a copy, stores that and returns it; nothing is stored where it throws.
    template <class Change>
        requires std::invocable<Change, T&>
    T update(Change&& change) {
        std::lock_guard guard(lock_);
        T changed = *value_;
        std::invoke(std::forward<Change>(change), changed);
        *value_ = changed;
        return changed;
    }

    operator T() const { return load(); }
    Value& operator=(const T& value) {
        store(value);
        return *this;
    }

    RLock& get_lock() const noexcept { return lock_; }

  private:
    mutable RLock lock_;
    detail::SharedMemory memory_;
    T* value_;
};

}  // namespace haid
