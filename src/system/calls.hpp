// The system calls that a test must be able to make fail: a table of functions, one for the whole process.
//
// Product code calls through `calls()`; a test swaps an entry with `ScopedCalls` and injects EINTR, EAGAIN, EMFILE,
// ENOSPC or short reads and writes. Not thread-safe to swap; calling is as thread-safe as the call itself.
#pragma once

#include <sys/types.h>

#include <cstddef>

struct epoll_event;

namespace haid::system {

struct Calls {
    ssize_t (*read)(int, void*, std::size_t);
    ssize_t (*write)(int, const void*, std::size_t);
    int (*pipe2)(int*, int);
    int (*epoll_wait)(int, epoll_event*, int, int);
    ssize_t (*splice)(int, off_t*, int, off_t*, std::size_t, unsigned);
    ssize_t (*sendfile)(int, int, off_t*, std::size_t);
    int (*clone)(int (*)(void*), void*, int, void*);
};

Calls& calls();

// Restores the table when it goes out of scope.
class ScopedCalls {
  public:
    ScopedCalls() : saved_(calls()) {}
    ~ScopedCalls() { calls() = saved_; }
    ScopedCalls(const ScopedCalls&) = delete;
    ScopedCalls& operator=(const ScopedCalls&) = delete;
    Calls* operator->() { return &calls(); }

  private:
    Calls saved_;
};

}  // namespace haid::system
