// Locks between processes. A process shares one with the children it forks after making it.
//
//     haid::Lock lock;
//     ... fork ...
//     { std::scoped_lock guard{lock}; ... }
//
// They are Lockable and TimedLockable: std::scoped_lock, std::unique_lock and std::lock work, also with threads.
//
// A lock survives its holder. If a process or thread ends while it holds the lock, by whatever cause (kill -9, exec),
// the next one to lock it gets OwnerDied, does not hold the lock, and may lock it again as if nothing had been: the
// chance to put in order what the lock protects. Only one is told.
//
// Errors of all ways to lock: OwnerDied. Of unlock by who does not hold the lock: std::system_error (EPERM). A child
// does not hold what its parent holds. Waits go on after signals; nothing polls.
//
// Thread-safe, but for construction and destruction. A lock must not be destroyed while another thread of the same
// process holds it or waits for it; other processes go on with their own view. All that share a lock must be in one PID
// namespace.
//
// Cost: one mapping of one page each. Uncontended, lock and unlock make no system call.
#pragma once

#include <pthread.h>

#include <cerrno>
#include <chrono>

#include "haid/detail/sync/deadline.hpp"
#include "haid/detail/sync/shared_memory.hpp"

namespace haid {

namespace detail {

// What Lock and RLock have in common: a robust mutex in shared memory.
class SharedMutex {
  public:
    SharedMutex(const SharedMutex&) = delete;
    SharedMutex& operator=(const SharedMutex&) = delete;

    void lock() {
        if (const int error = ::pthread_mutex_lock(mutex_)) [[unlikely]]
            settle(error);
    }
    // false: somebody holds it.
    bool try_lock() {
        const int error = ::pthread_mutex_trylock(mutex_);
        return error == 0 || (error != EDEADLK && settle(error));
    }
    // false: the time has passed and somebody still holds it.
    template <class Rep, class Period>
    bool try_lock_for(const std::chrono::duration<Rep, Period>& time) {
        return lock_until(Deadline::after(time));
    }
    template <class Clock, class Duration>
    bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time) {
        return lock_until(Deadline::at(time));
    }
    void unlock() {
        if (const int error = ::pthread_mutex_unlock(mutex_)) [[unlikely]]
            settle(error);
    }

  protected:
    // `type`: as for pthread_mutexattr_settype. Throws std::system_error (ENOMEM).
    explicit SharedMutex(int type);
    // Lets go where this thread holds it: its list of locks must not lead into memory that is gone.
    ~SharedMutex();

    // Whether this thread held it.
    bool unlock_if_held() noexcept { return ::pthread_mutex_unlock(mutex_) == 0; }

  private:
    // What a failed call means: false for busy and late, an exception for all else.
    bool settle(int error);
    bool lock_until(const Deadline& deadline);

    SharedMemory memory_;
    pthread_mutex_t* mutex_;
};

}  // namespace detail

// Held by one thread at a time. Locking it again in the thread that holds it is a std::system_error
// (resource_deadlock_would_occur), not a wait for ever; try_lock is false then.
class Lock : public detail::SharedMutex {
  public:
    Lock();
};

// May be locked again by the thread that holds it, and is free when it was unlocked as often.
class RLock : public detail::SharedMutex {
  public:
    RLock();

  private:
    friend class Condition;
};

}  // namespace haid
