#include "system/timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include "system/error.hpp"

namespace haid::system {

Ticker::Ticker(EventLoop& loop, std::chrono::milliseconds interval, std::function<void()> action)
    : loop_(loop),
      timer_(check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "cannot make a timer")),
      action_(std::move(action)) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(interval);
    const timespec each{seconds.count(), std::chrono::nanoseconds(interval - seconds).count()};
    const itimerspec times{each, each};
    check(::timerfd_settime(timer_.get(), 0, &times, nullptr), "cannot set a timer");
    loop_.add(timer_.get(), EPOLLIN, *this);
}

Ticker::~Ticker() {
    loop_.remove(timer_.get(), *this);
}

void Ticker::on_ready(std::uint32_t) {
    std::uint64_t ticks;
    if (::read(timer_.get(), &ticks, sizeof ticks) == sizeof ticks) action_();
}

}  // namespace haid::system
