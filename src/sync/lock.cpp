#include "haid/lock.hpp"

#include <cerrno>

#include "haid/error.hpp"
#include "sync/robust_mutex.hpp"
#include "system/error.hpp"

namespace haid {
namespace detail {

SharedMutex::SharedMutex(int type)
    : memory_(sizeof(pthread_mutex_t)), mutex_(static_cast<pthread_mutex_t*>(memory_.data())) {
    sync::make_robust(*mutex_, type);
}

SharedMutex::~SharedMutex() {
    while (unlock_if_held()) {
    }
}

bool SharedMutex::lock_until(const Deadline& deadline) {
    const int error = sync::lock_until(*mutex_, deadline);
    return error == 0 || settle(error);
}

bool SharedMutex::settle(int error) {
    switch (error) {
        case EBUSY:
        case ETIMEDOUT:
            return false;
        case EOWNERDEAD:
            ::pthread_mutex_consistent(mutex_);
            ::pthread_mutex_unlock(mutex_);
            throw OwnerDied(
                "haid: a process died while it held this lock: what the lock protects may be half changed. The lock "
                "itself is in order: put the rest in order, or lock again to go on");
        case EDEADLK:
            throw system::SystemError(error,
                                      "haid: this thread holds the lock already (an RLock could be locked again)");
        case EPERM:
            throw system::SystemError(error, "haid: cannot unlock a lock that this thread does not hold");
        default:
            throw system::SystemError(error, "haid: cannot lock");
    }
}

}  // namespace detail

Lock::Lock() : SharedMutex(PTHREAD_MUTEX_ERRORCHECK) {}
RLock::RLock() : SharedMutex(PTHREAD_MUTEX_RECURSIVE) {}

}  // namespace haid
