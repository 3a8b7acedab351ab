// A mutex in shared memory whose holder may die.
#pragma once

#include <pthread.h>

#include "haid/detail/sync/deadline.hpp"

namespace haid::sync {

// Makes a robust mutex for use between processes. `type`: as for pthread_mutexattr_settype. Throws std::system_error.
void make_robust(pthread_mutex_t& mutex, int type);

// pthread_mutex_lock with a time limit: its result, or ETIMEDOUT.
int lock_until(pthread_mutex_t& mutex, const detail::Deadline& deadline);

// For state that is changed by single stores, and so is in order at every instant: whoever finds that the holder died
// just goes on. Lives in shared memory and is never destroyed there. Works with std::unique_lock. Thread-safe.
class RobustMutex {
  public:
    RobustMutex() { make_robust(mutex_, PTHREAD_MUTEX_ERRORCHECK); }
    RobustMutex(const RobustMutex&) = delete;
    RobustMutex& operator=(const RobustMutex&) = delete;

    void lock() { settle(::pthread_mutex_lock(&mutex_)); }
    // false: the time has passed.
    bool lock_until(const detail::Deadline& deadline) { return settle(sync::lock_until(mutex_, deadline)); }
    void unlock() { settle(::pthread_mutex_unlock(&mutex_)); }

  private:
    bool settle(int error);

    pthread_mutex_t mutex_;
};

}  // namespace haid::sync
