// What is told when something has ended: an attempt of a job, or items of a task. One type for all doors, raised in one
// place of each; whoever wants to know listens there.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <string_view>

namespace haid::schedule {

// Why something was ended before it ended by itself.
enum class Cause { none, timeout, terminal, memory, lost, stop };

// What it points to lasts as long as the call in which it is told.
struct Ending {
    std::uint64_t which = 0;    // a job's number, from 1; the index of an item in its call, from 0
    std::uint64_t count = 1;    // so many items, from that one on, ended together
    std::uint64_t attempt = 1;  // from 1
    bool again = false;         // it will be tried once more: another ending follows

    std::string_view host{};  // empty: this machine
    std::int64_t place = -1;  // there: a job's slot, from 1; a worker's number, from 0; -1: not known
    double start = 0;         // seconds since 1970; 0: not known
    std::chrono::nanoseconds took{0};

    Cause cause = Cause::none;
    int exit_status = 0;                        // of a job
    int signal = 0;                             // that ended it; 0: it exited by itself
    const std::exception_ptr* error = nullptr;  // of an item that has failed
    const rusage* usage = nullptr;              // nullptr: not known
};

}  // namespace haid::schedule
