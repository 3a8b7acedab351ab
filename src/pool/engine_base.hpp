// What the engines on processes, threads and nodes have in common: whose they are, their lock, how one waits for a
// change, what is called later, and that they are open, then closed, then ended.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>

#include "haid/detail/pool/call.hpp"
#include "pool/actions.hpp"
#include "pool/owner.hpp"

namespace haid::pool {

class EngineBase : public detail::Engine {
  public:
    // Throws Error in a child of the process that made it, which must leave everything alone; so does what follows.
    Lock lock() final;
    void close() final;
    void join() final;
    void terminate() final;
    void later(std::function<void()> action) override;

  protected:
    // -- with the lock
    // No call is under way.
    virtual bool idle() const = 0;
    // The workers leave, after close() and when all is done. Without the lock where that takes time.
    virtual void leave(Lock& lock) = 0;
    // The same at once, for terminate() and the destructor; a second time it does nothing.
    virtual void end(Lock lock) = 0;

    // Throws what has broken the engine, and PoolClosed where it takes no calls.
    void require_open(const std::exception_ptr& broken) const;
    // What calls are told that the end of the pool cuts short.
    static std::exception_ptr cut_short();

    // Until something has changed. False: the time has passed.
    bool wait_for_change(Lock& lock, std::optional<detail::Time> until);
    void changed() {
        if (waiting_ > 0) changed_.notify_all();
    }

    const Owner owner_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool ended_ = false;  // or about to be
    Actions actions_;

  private:
    int waiting_ = 0;  // threads, for a change
    bool closed_ = false;
};

}  // namespace haid::pool
