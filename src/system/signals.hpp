// Signals kept from where they may not arrive, and signals as data: read from a descriptor, so that nothing happens
// inside a handler.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "system/descriptor.hpp"

namespace haid::system {

// While it lives no signal reaches this thread, nor, for good, the threads that it starts meanwhile.
class BlockedSignals {
  public:
    BlockedSignals();
    ~BlockedSignals() { restore(); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

    const sigset_t& mask_before() const { return before_; }
    // Before its end: for a process that never gets there.
    void restore();

  private:
    sigset_t before_{};
};

// What the kernel sends to whoever writes where nobody reads, or past the limit of a file's length (ulimit -f). The
// program ignores them, for the call fails all the same and says why; what it starts must not.
inline constexpr int signals_of_writes[] = {SIGPIPE, SIGXFSZ};

// Forgets what waits for this thread or process to unblock it. For a child that has left its parent's process group and
// still has everything blocked: what came before was meant for the group, and the parent has it too. Only makes system
// calls, so that a child that borrows its parent's memory may use it.
void discard_pending_signals() noexcept;

// While it lives the signals are blocked and arrive at fd(). One that is ignored when it is made stays ignored, here
// and in children (nohup, a background job of a script), but for SIGCHLD and SIGCONT, which wish for nothing. Only a
// program may own one: a library leaves masks alone.
class SignalQueue {
  public:
    explicit SignalQueue(std::initializer_list<int> signals);
    ~SignalQueue();
    SignalQueue(const SignalQueue&) = delete;
    SignalQueue& operator=(const SignalQueue&) = delete;

    int fd() const { return queue_.get(); }
    // The next signal that has arrived; nullopt where there is none.
    std::optional<int> next();
    // The mask as it was before: what a child must start with.
    const sigset_t& mask_before() const { return before_; }

  private:
    sigset_t before_{};
    Descriptor queue_;
};

// "TERM", "SIGTERM", "term" or "15" -> 15. nullopt where there is no such signal.
std::optional<int> signal_number(std::string_view name);
// 15 -> "SIGTERM"; "SIG64" and the like where it has no name.
std::string signal_name(int number);

}  // namespace haid::system
