// A clock that ticks in an event loop. Not thread-safe.
#pragma once

#include <chrono>
#include <functional>

#include "system/descriptor.hpp"
#include "system/event_loop.hpp"

namespace haid::system {

// Calls `action` once each `interval`; ticks that were missed are one. It must end before the loop does.
class Ticker : private Watcher {
  public:
    Ticker(EventLoop& loop, std::chrono::milliseconds interval, std::function<void()> action);
    ~Ticker() override;
    Ticker(const Ticker&) = delete;
    Ticker& operator=(const Ticker&) = delete;

  private:
    void on_ready(std::uint32_t events) override;

    EventLoop& loop_;
    Descriptor timer_;
    std::function<void()> action_;
};

}  // namespace haid::system
