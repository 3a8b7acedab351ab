// An array in memory that processes share. A process shares it with the children it forks after making it.
//
//     haid::SharedArray<double> sums(1000);
//     ... fork ...
//     sums[worker] += 1.5;
//
// Elements are as fast as those of a std::vector, and as unprotected: two processes may use different elements at the
// same time; who uses the same ones holds get_lock() meanwhile, or takes elements of std::atomic (not their wait, which
// is private to a process). The size is fixed. Converts to std::span.
//
// Two mappings; memory is touched as it is used.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <new>
#include <span>

#include "haid/detail/sync/shared_memory.hpp"
#include "haid/lock.hpp"
#include "haid/value.hpp"

namespace haid {

namespace detail {
template <class T>
inline constexpr bool lock_free_atomic = false;
template <class T>
inline constexpr bool lock_free_atomic<std::atomic<T>> = std::atomic<T>::is_always_lock_free;
}  // namespace detail

template <class T>
    requires(Shareable<T> || detail::lock_free_atomic<T>)
class SharedArray {
  public:
    using value_type = T;
    using iterator = T*;
    using const_iterator = const T*;

    // All zero. Throws std::system_error (ENOMEM), std::bad_array_new_length.
    explicit SharedArray(std::size_t size)
        : size_(size), memory_(bytes(size)), data_(static_cast<T*>(memory_.data())) {}
    // A copy of `initial`.
    explicit SharedArray(std::span<const T> initial)
        requires Shareable<T>
        : SharedArray(initial.size()) {
        std::copy(initial.begin(), initial.end(), data_);
    }
    SharedArray(const SharedArray&) = delete;
    SharedArray& operator=(const SharedArray&) = delete;

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    T* data() noexcept { return data_; }
    const T* data() const noexcept { return data_; }
    T& operator[](std::size_t index) noexcept { return data_[index]; }
    const T& operator[](std::size_t index) const noexcept { return data_[index]; }
    T* begin() noexcept { return data_; }
    T* end() noexcept { return data_ + size_; }
    const T* begin() const noexcept { return data_; }
    const T* end() const noexcept { return data_ + size_; }

    RLock& get_lock() const noexcept { return lock_; }

  private:
    static std::size_t bytes(std::size_t size) {
        if (size > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T)) throw std::bad_array_new_length();
        return size * sizeof(T);
    }

    mutable RLock lock_;
    std::size_t size_;
    detail::SharedMemory memory_;
    T* data_;
};

}  // namespace haid
