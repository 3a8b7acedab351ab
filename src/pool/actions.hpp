// What an engine's own thread calls later: callbacks. Used under the engine's lock.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace haid::pool {

class Actions {
  public:
    void add(std::function<void()> action) { waiting_.push_back(std::move(action)); }
    bool any() const { return !waiting_.empty(); }
    // None waits, and none runs.
    bool idle() const { return waiting_.empty() && running_ == 0; }

    // Calls the next one, without the lock. Requires any().
    void call_next(std::unique_lock<std::mutex>& lock) {
        std::function<void()> action = std::move(waiting_.front());
        waiting_.pop_front();
        ++running_;
        lock.unlock();
        action();
        action = nullptr;  // what it holds may want the lock when it goes
        lock.lock();
        --running_;
    }

  private:
    std::deque<std::function<void()>> waiting_;
    int running_ = 0;
};

}  // namespace haid::pool
