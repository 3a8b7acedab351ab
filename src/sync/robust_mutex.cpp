#include "sync/robust_mutex.hpp"

#include <cerrno>

#include "system/error.hpp"

namespace haid::sync {

void make_robust(pthread_mutex_t& mutex, int type) {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutexattr_settype(&attributes, type);
    const int error = ::pthread_mutex_init(&mutex, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
    if (error != 0) throw system::SystemError(error, "haid: cannot make a lock between processes");
}

int lock_until(pthread_mutex_t& mutex, const detail::Deadline& deadline) {
    if (deadline.is_never()) return ::pthread_mutex_lock(&mutex);
    if (deadline.is_immediate()) return ::pthread_mutex_trylock(&mutex);
    return ::pthread_mutex_clocklock(&mutex, deadline.clock(), &deadline.time());
}

bool RobustMutex::settle(int error) {
    if (error == 0) return true;
    if (error == ETIMEDOUT || error == EBUSY) return false;
    if (error == EOWNERDEAD) {
        ::pthread_mutex_consistent(&mutex_);
        return true;
    }
    throw system::SystemError(error, "haid: cannot lock what processes share");
}

}  // namespace haid::sync
