// What is told when something has ended: an attempt of a job, or items of a task. One type for all doors, raised in one
// place of each; whoever wants to know listens there. Each attempt's ending is told once.
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
    bool delivered = false;     // of a job: this was its last attempt, and the system has taken all that it wrote

    std::string_view command{};  // of a job
    std::string_view host{};     // empty, or ":" as logs have it: this machine
    std::int64_t place = -1;     // a job's slot, from 1; a worker's number there, from 0; -1: not known
    double start = 0;            // seconds since 1970; 0: not known
    std::chrono::nanoseconds took{0};

    Cause cause = Cause::none;                  // stop: it neither counts nor is it logged; a resume runs it
    int exit_status = 0;                        // of a job; -1: ended by a time limit, as GNU parallel logs it
    int signal = 0;                             // that ended it; 0: it exited by itself
    std::uint64_t output_bytes = 0;             // of a job's standard output
    const std::exception_ptr* error = nullptr;  // of an item that has failed
    const rusage* usage = nullptr;              // nullptr: not known

    bool succeeded() const { return exit_status == 0 && signal == 0 && error == nullptr; }
    // As a shell would show it: 128 + signal.
    int shell_status() const { return signal != 0 ? 128 + signal : exit_status; }
};

// Called where the ending is told: nothing here may block. What is thrown is a fault of whoever told it.
class EndingListener {
  public:
    virtual ~EndingListener() = default;
    virtual void on_ending(const Ending& ending) = 0;
};

}  // namespace haid::schedule
