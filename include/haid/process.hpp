// A function in a process of its own.
//
//     void greet(std::string name) { std::cout << "Hello " << name << '\n'; }
//
//     haid::Process p{greet, "Aaron"};
//     p.start();
//     p.join();
//
// The process is a copy of this one at the moment of start() (fork), without its other threads: all that the function
// refers to is there, and what it changes stays there. Function and arguments are copied or moved into the Process as
// by std::thread, and released here by start(). There, they are destroyed when the function has returned.
//
// How the process ends:
// - The function returns: exit code 0, whatever it returns.
// - It lets out an exception: "Process Process-1: std::runtime_error: what()" on standard error, exit code 1.
// - It calls std::exit(n): exit code n. Functions that this process had registered with atexit run there as well, and
//   copies of its static objects are destroyed; neither happens when the function returns.
// - A signal n: exit code -n.
// - This process ends, kill -9 included: the process is killed at once, daemon or not, and so are the processes that it
//   has started. Nobody joins for you: std::exit does not destroy local objects, nor does _exit destroy any.
// What it printed is out before it ends in any of the first three ways; output that could not be written is told on
// standard error, and the exit code is 1.
//
// Nothing global is touched: no handler, no signal mask. A program that reaps all children (wait, SIGCHLD ignored)
// takes the exit codes away, and nothing else: see unknown_exit.
//
// Thread-safe: start, join, terminate, kill, is_alive and the like may be called by several threads at a time; not so
// setting name and daemon, close, moving and destruction. A Process belongs to the process that made it: in others (it
// is there after a fork) all but name, pid, daemon and printing throw haid::Error, and destruction does nothing.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "haid/detail/sync/deadline.hpp"
#include "haid/error.hpp"

namespace haid {

class Process {
  public:
    // What exit_code() is where somebody else reaped the process: no exit status or signal has this number.
    static constexpr int unknown_exit = WorkerLost::unknown_exit;

    template <class Function, class... Arguments>
        requires(!std::same_as<std::remove_cvref_t<Function>, Process>)
    explicit Process(Function&& function, Arguments&&... arguments)
        : Process(std::unique_ptr<Call>(std::make_unique<CallOf<std::decay_t<Function>, std::decay_t<Arguments>...>>(
              std::forward<Function>(function), std::forward<Arguments>(arguments)...))) {
        static_assert(std::is_invocable_v<std::decay_t<Function>, std::decay_t<Arguments>...>,
                      "haid::Process: the function cannot be called with copies of these arguments");
    }
    // Not started or ended: nothing. Otherwise waits for the end, as long as it takes, so make a process that waits for
    // something from this one a daemon: a daemon is ended (SIGTERM, after 350 ms SIGKILL).
    ~Process();
    Process(Process&&) noexcept;
    // Does what the destructor does first.
    Process& operator=(Process&&) noexcept;

    // "Process-1", "Process-2", … in the order of construction; in Process-1 "Process-1:1", …
    std::string name() const;
    void name(std::string name);
    bool daemon() const;
    // Before start() only, else haid::Error.
    void daemon(bool daemon);

    // Costs what fork costs: less than 1 ms, and more where this process uses gigabytes. Flushes this
    // process's standard output and error before, so that nothing is printed twice. Throws haid::Error if it was
    // started before, std::system_error where the system has no process or descriptor left (it can be started again
    // then).
    void start();

    // Waits until the process has ended. Throws haid::Error if it was not started.
    void join();
    // Whether it has ended in time.
    template <class Rep, class Period>
    bool join_for(std::chrono::duration<Rep, Period> time) {
        return wait_until(detail::Deadline::after(time));
    }
    template <class Clock, class Duration>
    bool join_until(std::chrono::time_point<Clock, Duration> time) {
        return wait_until(detail::Deadline::at(time));
    }

    // SIGTERM; nothing if it has ended. Its own children, if any, are killed with its end.
    void terminate();
    // SIGKILL.
    void kill();

    bool is_alive() const;
    // 0 before start().
    pid_t pid() const;
    // nullopt before the end; minus the signal's number where one ended it.
    std::optional<int> exit_code() const;
    // A descriptor that becomes readable (poll, select, epoll) when the process has ended; owned by the Process, valid
    // until close() or destruction. Before Linux 5.3 it may be early by a moment: join() then.
    int sentinel() const;
    // Gives back the descriptor. Throws haid::Error while the process runs. Afterwards only name, daemon, printing and
    // close itself work.
    void close();

    // As Python's: "<Process name='Process-1' pid=12 parent=11 stopped exitcode=-SIGTERM daemon>"; the state is one of
    // initial, started, stopped, closed, or unknown in a process that it does not belong to.
    friend std::ostream& operator<<(std::ostream& out, const Process& process);

  private:
    struct Call {
        virtual ~Call() = default;
        virtual void run() = 0;
    };
    template <class Function, class... Arguments>
    struct CallOf final : Call {
        template <class... From>
        explicit CallOf(From&&... from) : parts(std::forward<From>(from)...) {}
        void run() override {
            std::apply([](auto&... part) { std::invoke(std::move(part)...); }, parts);
        }
        std::tuple<Function, Arguments...> parts;
    };
    struct State;

    explicit Process(std::unique_ptr<Call> call);
    bool wait_until(const detail::Deadline& deadline);
    State& state() const;
    State& own() const;
    State& running() const;

    std::unique_ptr<State> state_;
};

struct ProcessInfo {
    std::string name;
    pid_t pid = 0;
    bool daemon = false;
};

// The process that runs this: "MainProcess", what a Process started, or a worker of a Pool or of haid::map:
// "PoolWorker-1", "PoolWorker-2", …, in Process-1 "PoolWorker-1:1", …; one that replaces another has its name.
ProcessInfo current_process();
// The process whose Process or Pool started this one, whether or not it still lives; nullopt in the main process.
std::optional<ProcessInfo> parent_process();
// "<Process name='MainProcess' pid=11>"
std::ostream& operator<<(std::ostream& out, const ProcessInfo& process);

}  // namespace haid
