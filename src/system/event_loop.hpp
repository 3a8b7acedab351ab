// One epoll instance. Not thread-safe: one loop, one thread.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "system/descriptor.hpp"

namespace haid::system {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

// Something that wants to know when a descriptor is ready. It must outlive its registration.
class Watcher {
  public:
    virtual ~Watcher() = default;
    virtual void on_ready(std::uint32_t events) = 0;
};

class EventLoop {
  public:
    EventLoop();

    // Throws SystemError; EPERM where the kind of file (a regular one) is always ready.
    void add(int fd, std::uint32_t events, Watcher& watcher);
    void change(int fd, std::uint32_t events, Watcher& watcher);
    // No event reaches the watcher afterwards, not even one already fetched. Call it before the descriptor is closed.
    void remove(int fd, Watcher& watcher);

    // Waits until something is ready or the time has come, and tells the watchers. nullopt: no time limit.
    void wait(std::optional<Time> until);
    // Readable when wait() would have something to tell.
    int fd() const { return epoll_.get(); }

  private:
    static constexpr int batch_size = 64;
    Descriptor epoll_;
    std::array<epoll_event, batch_size> batch_{};
    int fetched_ = 0;
};

}  // namespace haid::system
