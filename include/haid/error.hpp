// What can go wrong, as exceptions. All derive from haid::Error; faults of the operating system are std::system_error.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

namespace haid {

class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// A time limit has passed: of a task (its worker was ended), of a wait for a result, a lock, a queue.
class TimeoutError : public Error {
  public:
    using Error::Error;
};

// A process died holding a lock. Whoever is told does not hold the lock either; what the lock protects may be half
// changed. The lock itself is in order again: lock it once more to go on.
class OwnerDied : public Error {
  public:
    using Error::Error;
};

// Somebody will never arrive at this barrier: it was aborted, or somebody waited for too long.
class BrokenBarrier : public Error {
  public:
    using Error::Error;
};

// Bytes that are no value of the type asked for.
class DecodeError : public Error {
  public:
    using Error::Error;
};

// The other end of a pipe or queue is closed, and everything sent has been received.
class EndOfFile : public Error {
  public:
    using Error::Error;
};

// A pool that was closed or ended is given more work.
class PoolClosed : public Error {
  public:
    using Error::Error;
};

// Where an exception comes from that did not arrive as what was thrown: a base of all that arrive so (see
// exception.hpp), beside the one that they arrive as. catch (const haid::TaskOrigin&) finds them.
class TaskOrigin {
  public:
    TaskOrigin(std::string type, std::size_t task, int worker) : type_(std::move(type)), task_(task), worker_(worker) {}
    // The name of the exception's type, as a reader would write it; of a non-exception what was thrown.
    const std::string& type() const noexcept { return type_; }
    // Which input of the call it was, from 0.
    std::size_t task() const noexcept { return task_; }
    // Which worker of the pool, from 0.
    int worker() const noexcept { return worker_; }

  private:
    std::string type_;
    std::size_t task_;
    int worker_;
};

// An exception in a task, of a type that does not exist on this side, nor one that it derives from.
class TaskError : public Error, public TaskOrigin {
  public:
    TaskError(std::string type, const std::string& message, std::size_t task, int worker)
        : Error(message), TaskOrigin(std::move(type), task, worker) {}
};

// The worker died while it ran the task. what() names the signal or the exit status, and a likely cause.
class WorkerLost : public Error {
  public:
    // What exit_code() is where somebody else was told how it ended: this program has reaped the worker itself, or
    // ignores SIGCHLD. No exit status or signal has this number.
    static constexpr int unknown_exit = 256;

    // `exit_code`: the exit status, or minus the signal's number.
    WorkerLost(const std::string& message, int exit_code, std::size_t task, int worker)
        : Error(message), exit_code_(exit_code), task_(task), worker_(worker) {}
    int exit_code() const noexcept { return exit_code_; }
    int signal() const noexcept { return exit_code_ < 0 ? -exit_code_ : 0; }
    std::size_t task() const noexcept { return task_; }
    int worker() const noexcept { return worker_; }

  private:
    int exit_code_;
    std::size_t task_;
    int worker_;
};

}  // namespace haid
