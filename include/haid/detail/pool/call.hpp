// What a pool sees of a call: bytes, a function, items. Not for users: pool.hpp makes calls of C++ functions and
// values, other languages make theirs; the engine that runs them knows neither.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "haid/codec.hpp"
#include "haid/detail/pool/task.hpp"
#include "haid/detail/sync/deadline.hpp"
#include "haid/options.hpp"

namespace haid::schedule {
class EndingListener;
}

namespace haid::detail {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

// What holds for each item of a call.
struct Limits {
    std::chrono::nanoseconds timeout{0};  // of one item; 0: none
    std::uint32_t retries = 0;
    std::chrono::nanoseconds backoff{0};  // before the first retry; doubled for each further one
    std::uint32_t chunk_size = 0;         // items in a task; 0: as many as take some time together
    bool one_at_a_time = false;           // each item a task of its own, and its result told at once
    bool stop_at_failure = false;         // items that have not begun are given up after the first that failed
    std::uint64_t most_waiting = 0;       // items begun and not resolved; 0: as many as keep the workers busy
    std::uint64_t first_index = 0;        // what item 0 is to the function that asks (haid::item_index)
};

// What a user has said a limit or a pause to be, as it is in Limits: no limit where it is as good as none. Throws
// std::invalid_argument where it is negative.
std::chrono::nanoseconds limit_of(std::chrono::nanoseconds time);
std::chrono::nanoseconds pause_of(std::chrono::nanoseconds time);

// Where a call puts the input of its next task.
class TaskWriter {
  public:
    RunTask run = nullptr;
    std::uint64_t context = 0;  // for the function; the same number in every worker
    std::uint32_t most_items = 1;
    // Of item 0 in the call; what comes next, unless the call knows better.
    std::uint64_t first = 0;
    // Items of the task before this one are not to be run.
    std::uint32_t begin = 0;

    // Either memory for exactly `size` bytes, once for a task, …
    virtual std::byte* place(std::size_t size) = 0;
    // … or what collects them.
    BufferEncoder& buffer() { return buffer_; }

    // What all tasks of the call have in common lies in the shared memory once: Task::common(). Makes it the context.
    virtual void share(std::span<const std::byte> common) = 0;

  protected:
    // The buffer outlives it, and its memory is used again.
    explicit TaskWriter(BufferEncoder& buffer) : buffer_(buffer) { buffer_.clear(); }
    ~TaskWriter() = default;

    BufferEncoder& buffer_;
};

// Asks the system for few large pages instead of many small ones, for memory that is about to be written for the first
// time: 40 MB cost 3 ms instead of 15. A hint; does nothing for less than some megabytes.
void advise_large(void* memory, std::size_t size);

// Some items of a call, for engines whose workers are threads of this process.
class LocalTask {
  public:
    // `first`: of its items, in the call.
    explicit LocalTask(std::uint64_t first) : first_(first) {}
    virtual ~LocalTask() = default;

    std::uint64_t first() const { return first_; }
    virtual std::uint32_t size() const = 0;
    // Without the engine's lock, once: runs this item, from 0. False: it has failed. Does not throw.
    virtual bool run(std::uint32_t item) = 0;

    // -- with the lock, of items that have run
    // Of one that has failed.
    virtual std::exception_ptr error(std::uint32_t item) const = 0;
    // The same as a task of its own, to be run once more.
    virtual std::unique_ptr<LocalTask> again(std::uint32_t item) = 0;
    // The values of those before `to`, none of which has failed, go to the call.
    virtual void give(std::uint32_t from, std::uint32_t to) = 0;

  private:
    std::uint64_t first_;
};

// One map, imap or apply. Its functions are called with the engine's lock held: they do not call the engine.
class Call {
  public:
    explicit Call(Limits limits) : limits_(limits) {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    virtual ~Call() = default;

    const Limits& limits() const { return limits_; }

    // Before the call is submitted: from then on the listener, which lasts until the call has finished, hears of every
    // attempt of its items, also of those that are tried again; behind the call itself, with the engine's lock held.
    void tell(schedule::EndingListener& listener) { listener_ = &listener; }
    // nullptr: nobody listens.
    schedule::EndingListener* listener() const { return listener_; }

    // For engines on threads: what of it has not begun will not, also of a task that runs. At any time.
    void give_up() { given_up_.store(true, std::memory_order_relaxed); }
    bool is_given_up() const { return given_up_.load(std::memory_order_relaxed); }

    // Writes the next 1 to writer.most_items items and returns how many; 0: none at the moment.
    virtual std::uint32_t fill(TaskWriter& writer) = 0;
    // No more items will come.
    virtual bool exhausted() const = 0;
    // Items that are still to come, where that is known.
    virtual std::optional<std::uint64_t> remaining() const { return std::nullopt; }

    // The next 1 to `most` items as something that a thread of this process can run; nullptr: none at the moment.
    virtual std::unique_ptr<LocalTask> take(std::uint32_t most) = 0;

    // Items `first` to `first + count` have these values, one after another. Throws DecodeError where they have not;
    // `decoded` says how many were taken before.
    virtual void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) = 0;
    // The same for one value that is larger than a frame, in memory that may be taken over.
    virtual void large_value(std::uint64_t item, std::vector<std::byte>& bytes, std::uint32_t& decoded) {
        Decoder from(bytes);
        values(item, 1, from, decoded);
    }
    // This item has failed, for good.
    virtual void failed(std::uint64_t item, std::exception_ptr error) = 0;
    // Whether it is told of items that had begun when it was cancelled.
    virtual bool wants_what_had_begun() const { return false; }
    // No item will be resolved any more: the engine cannot go on, or was ended.
    virtual void aborted(std::exception_ptr error) = 0;
    // All items are resolved, or given up.
    virtual void finished() {}

  private:
    Limits limits_;
    schedule::EndingListener* listener_ = nullptr;
    std::atomic<bool> given_up_ = false;
};

// What another language does around the work of a worker process, called in that process.
class WorkerHooks {
  public:
    virtual ~WorkerHooks() = default;
    // All that a worker does: start(), `work`, leave(). Throws what start() and `work` throw. For languages in which
    // something may have to be around it all.
    virtual void live(std::size_t worker, const std::function<void()>& work) {
        start(worker);
        work();
        leave();
    }
    // Before everything else. May throw: the pool cannot work then, and every call on it says why.
    virtual void start(std::size_t worker) = 0;
    // Whether start() does more than prepare for tasks: every worker is started then, also one that has none to run.
    virtual bool starts_for_a_purpose() const { return false; }
    // What was printed goes out, for results are about to be told.
    virtual void flush() = 0;
    // Around a wait of unknown length, in which other threads of the process may run.
    virtual void before_wait() = 0;
    virtual void after_wait() = 0;
    // Last of all, where the worker leaves by itself.
    virtual void leave() = 0;
};

// What a worker executes where it is not to be a copy of this process. The program is given a last argument more,
// which says where the worker's place is; it comes back by work_at() (src/pool/worker_program.hpp).
struct WorkerProgram {
    std::vector<std::string> command;  // an absolute path first
    std::vector<int> descriptors;      // of this process, that it keeps
};

// What the user has said, and what only whoever makes the engine knows.
struct EngineOptions {
    PoolOptions pool;                                    // but its nodes
    int most_workers = std::numeric_limits<int>::max();  // no more than that, whatever the pool's `workers` says
    std::function<void(std::size_t worker)> enter = {};  // in each worker, before anything else of the caller's
    // The workers are forked where the engine is made, and again where one is replaced: they see this thread's memory.
    bool fork_here = false;
    std::shared_ptr<WorkerHooks> hooks = {};            // nullptr: none
    std::shared_ptr<const WorkerProgram> program = {};  // nullptr: a worker is a copy of this process
};

// Runs the items of calls on workers. Thread-safe. It belongs to the process that made it: in another one (after a
// fork) what uses it throws Error, and it must not be destroyed, for its threads are not there, and what they wait for
// cannot be destroyed: see owned().
class Engine {
  public:
    using Lock = std::unique_lock<std::mutex>;

    // Forks. Throws std::system_error, std::invalid_argument.
    static std::unique_ptr<Engine> of_processes(const EngineOptions& options);
    static std::unique_ptr<Engine> of_threads(const PoolOptions& options);
    virtual ~Engine() = default;

    // Calls of a single item are told apart by how many came before: their first_index.
    std::uint64_t count_single() { return singles_++; }

    virtual int workers() const = 0;
    // Their process numbers; 0: is being started, or is a thread.
    virtual std::vector<int> worker_pids() = 0;
    virtual Lock lock() = 0;

    // Who does the engine's work while a call is not finished: whoever waits for it, or a thread of the engine's own.
    enum class Driver { waiting, background };
    // The call begins. Throws PoolClosed, and std::system_error where there is no thread to be had; nothing of the call
    // is under way then.
    virtual void submit(Lock& lock, std::shared_ptr<Call> call, Driver driver) = 0;
    // The call has got more items.
    virtual void refill(Lock& lock, Call& call) = 0;
    // Waits, and does the engine's work meanwhile, until `enough` holds (it is asked with the lock held). False: the
    // time has passed before. Throws Error where the engine cannot go on.
    virtual bool wait(Lock& lock, const std::function<bool()>& enough, std::optional<Time> until) = 0;
    virtual bool finished(Lock& lock, const Call& call) const = 0;
    // Gives up the items that have not begun. The call finishes when those that run have ended.
    virtual void cancel(Lock& lock, Call& call) = 0;
    // The same, and ends the workers that run its items. A thread cannot be ended: its item runs on.
    virtual void stop(Lock& lock, Call& call) { cancel(lock, call); }
    // `action` will be called by the engine's own thread, without the lock: for calls that have it as their driver. The
    // caller of this holds the lock.
    virtual void later(std::function<void()> action) = 0;

    // No call is taken any more.
    virtual void close() = 0;
    // Waits until all calls have finished and the workers have ended. Only after close() or terminate().
    virtual void join() = 0;
    // Ends the workers now. What was not resolved fails with PoolClosed.
    virtual void terminate() = 0;

  private:
    std::atomic<std::uint64_t> singles_ = 0;
};

// The engine, destroyed by the process that this is, and by no copy of it.
std::shared_ptr<Engine> owned(std::unique_ptr<Engine> engine);

}  // namespace haid::detail
