#include "haid/condition.hpp"

#include <atomic>
#include <new>
#include <optional>

#include "haid/error.hpp"
#include "system/futex.hpp"

namespace haid {

struct Condition::State {
    system::FutexWord notifications;
    // How many wait, and how many died waiting: where it is 0 nobody needs to be woken.
    std::atomic<std::uint32_t> waiting;
};

namespace {

// Counts one that waits, before it lets go of its lock: whoever has the lock afterwards sees it.
class Counted {
  public:
    explicit Counted(std::atomic<std::uint32_t>& count) : count_(count) { ++count_; }
    ~Counted() { --count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

  private:
    std::atomic<std::uint32_t>& count_;
};

}  // namespace

Condition::Condition() : memory_(sizeof(State)), state_(new(memory_.data()) State) {}

Condition::~Condition() = default;  // the state is other processes', too: nobody destroys it

void Condition::notify_one() {
    notify(1);
}

void Condition::notify_all() {
    notify(system::everybody);
}

void Condition::notify(int count) {
    if (state_->waiting == 0) return;
    system::add_and_wake(state_->notifications, 1, count);
}

std::cv_status Condition::sleep(std::uint32_t seen, const detail::Deadline& deadline) {
    while (state_->notifications == seen) {
        if (!system::sleep_while(state_->notifications, seen, deadline)) return std::cv_status::timeout;
    }
    return std::cv_status::no_timeout;
}

std::cv_status Condition::wait_until_deadline(std::unique_lock<Lock>& guard, const detail::Deadline& deadline) {
    Counted counted(state_->waiting);
    const std::uint32_t seen = state_->notifications;
    guard.unlock();
    const auto status = sleep(seen, deadline);
    guard.lock();
    return status;
}

std::cv_status Condition::wait_until_deadline(std::unique_lock<RLock>& guard, const detail::Deadline& deadline) {
    Counted counted(state_->waiting);
    const std::uint32_t seen = state_->notifications;
    guard.unlock();
    int others = 0;  // guards of this thread on the same lock
    while (guard.mutex()->unlock_if_held()) ++others;
    const auto status = sleep(seen, deadline);
    // The other guards believe that they hold the lock, so they must, even where `guard` cannot be given it.
    std::optional<OwnerDied> died;
    for (int i = 0; i < others;) {
        try {
            guard.mutex()->lock();
            ++i;
        } catch (const OwnerDied& error) {
            died = error;
        }
    }
    if (died) throw *died;
    guard.lock();
    return status;
}

}  // namespace haid
