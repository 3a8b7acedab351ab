#include "system/event_loop.hpp"

#include <algorithm>
#include <limits>

#include "system/error.hpp"

namespace haid::system {
namespace {

// epoll_wait counts in milliseconds: round up, so that nothing is due when it returns "in time" and we spin.
int milliseconds_until(std::optional<Time> until) {
    if (!until) return -1;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace

EventLoop::EventLoop() : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "cannot make an event loop")) {}

void EventLoop::add(int fd, std::uint32_t events, Watcher& watcher) {
    epoll_event event{events, {&watcher}};
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "cannot watch a descriptor");
}

void EventLoop::change(int fd, std::uint32_t events, Watcher& watcher) {
    epoll_event event{events, {&watcher}};
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event), "cannot watch a descriptor");
}

void EventLoop::remove(int fd, Watcher& watcher) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    for (int i = 0; i < fetched_; ++i) {
        if (batch_[static_cast<std::size_t>(i)].data.ptr == &watcher)
            batch_[static_cast<std::size_t>(i)].data.ptr = nullptr;
    }
}

void EventLoop::wait(std::optional<Time> until) {
    int ready = ::epoll_wait(epoll_.get(), batch_.data(), batch_size, milliseconds_until(until));
    if (ready < 0) {
        if (errno == EINTR) return;
        throw_errno("cannot wait for events");
    }
    fetched_ = ready;
    for (int i = 0; i < ready; ++i) {
        epoll_event event = batch_[static_cast<std::size_t>(i)];
        if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->on_ready(event.events);
    }
    fetched_ = 0;
}

}  // namespace haid::system
