#include "haid/process.hpp"

#include <cxxabi.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <mutex>
#include <thread>

#include "haid/error.hpp"
#include "library/identity.hpp"
#include "process/fork.hpp"
#include "process/ladder.hpp"
#include "system/demangle.hpp"
#include "system/error.hpp"
#include "system/signals.hpp"

namespace haid {
namespace {

using Clock = std::chrono::steady_clock;

std::string exception_type() {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type != nullptr ? system::readable_name(*type) : "an exception of another language";
}

// What was printed before comes first where both go to the same place. One write, so that no other line gets in.
void tell_uncaught(const std::string& process, const std::string& exception) {
    std::cout.flush();
    ::fflush(stdout);
    std::string line = fmt::format("Process {}: {}\n", process, exception);
    [[maybe_unused]] ssize_t told =
        system::uninterrupted([&] { return ::write(STDERR_FILENO, line.data(), line.size()); });
}

}  // namespace

// Waiting concerns this one process only, by its pidfd where there is one: a pid can be another's by the time somebody
// else has reaped it.
struct Process::State {
    const pid_t owner = ::getpid();
    const std::string identity = library::next_identity();
    std::string name = "Process-" + identity;
    bool daemon = false;
    std::unique_ptr<Call> call;

    // In a child of the owner it may be locked by a thread that is not there: see lock().
    std::mutex mutex;
    process::Forked forked;
    pid_t pid = 0;  // 0: not started
    std::optional<int> exit_code;
    bool closed = false;

    bool is_own() const { return owner == ::getpid(); }
    std::unique_lock<std::mutex> lock() { return is_own() ? std::unique_lock(mutex) : std::unique_lock<std::mutex>(); }

    // The whole life of the new process.
    int run() {
        ProcessInfo parent = current_process();
        parent.pid = owner;
        library::become_process({name, 0, daemon}, identity, parent);
        std::unique_ptr<Call> ours = std::move(call);
        try {
            ours->run();
            ours.reset();
            return 0;
        } catch (const std::exception& error) {
            tell_uncaught(name, fmt::format("{}: {}", exception_type(), error.what()));
        } catch (...) {
            tell_uncaught(name, exception_type());
        }
        return 1;
    }

    int wait(siginfo_t& info, int flags) const {
        constexpr auto by_pidfd = static_cast<idtype_t>(3);  // P_PIDFD, since Linux 5.4
        auto wait_by = [&](idtype_t type, int id) {
            return system::uninterrupted([&] { return ::waitid(type, static_cast<id_t>(id), &info, WEXITED | flags); });
        };
        if (forked.sentinel_is_pidfd) {
            int result = wait_by(by_pidfd, forked.sentinel.get());
            if (result == 0 || errno != EINVAL) return result;
        }
        return wait_by(P_PID, pid);
    }

    // Whether it has ended. `mutex` is locked, the process was started.
    bool reap() {
        if (exit_code) return true;
        siginfo_t info{};
        if (wait(info, WNOHANG) != 0) {
            exit_code = unknown_exit;  // ECHILD
        } else if (info.si_pid == 0) {
            return false;
        } else {
            exit_code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
        }
        forked.lifeline.cut();
        return true;
    }

    bool wait_until(std::optional<Clock::time_point> end) {
        for (bool told = false;;) {
            {
                std::lock_guard guard(mutex);
                if (reap()) return true;
            }
            if (!end) {
                // Reaped by the next turn, under the lock: several threads may wait here.
                siginfo_t info{};
                wait(info, WNOWAIT);
                continue;
            }
            auto left = std::chrono::ceil<std::chrono::milliseconds>(*end - Clock::now());
            if (left.count() <= 0) return false;
            if (told) {
                // It has ended and cannot be reaped yet: a debugger holds it; or, without pidfds, it is about to end.
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            } else {
                pollfd ended{forked.sentinel.get(), POLLIN, 0};
                told = ::poll(&ended, 1, static_cast<int>(std::min<long long>(left.count(), 1'000'000'000))) > 0;
            }
        }
    }

    void send(int signal) {
        std::lock_guard guard(mutex);
        if (reap()) return;
        if (const int error = process::send(forked, signal); error != 0 && error != ESRCH) {
            throw system::SystemError(error,
                                      fmt::format("cannot send {} to process '{}'", system::signal_name(signal), name));
        }
    }

    void end() noexcept {
        if (!is_own() || pid == 0) return;
        try {
            if (daemon) {
                for (const process::Rung& rung : process::default_ladder()) {
                    send(rung.signal);
                    if (wait_until(Clock::now() + rung.wait)) return;
                }
            }
        } catch (const std::exception&) {
            // It became another user's: the kernel may still end it for us.
            forked.lifeline.cut();
        }
        wait_until(std::nullopt);
    }
};

Process::Process(std::unique_ptr<Call> call) : state_(std::make_unique<State>()) {
    state_->call = std::move(call);
}

Process::Process(Process&&) noexcept = default;

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        if (state_) state_->end();
        state_ = std::move(other.state_);
    }
    return *this;
}

Process::~Process() {
    if (state_) state_->end();
}

Process::State& Process::state() const {
    if (!state_) throw Error("this haid::Process was moved from: it stands for no process");
    return *state_;
}

Process::State& Process::own() const {
    State& ours = state();
    if (!ours.is_own()) {
        throw Error(fmt::format("process '{}' belongs to process {}, which made it; this is process {}", ours.name,
                                ours.owner, ::getpid()));
    }
    if (ours.closed) throw Error(fmt::format("process '{}' is closed", ours.name));
    return ours;
}

Process::State& Process::running() const {
    State& ours = own();
    auto lock = ours.lock();
    if (ours.pid == 0) throw Error(fmt::format("process '{}' has not been started", ours.name));
    return ours;
}

std::string Process::name() const {
    return state().name;
}

void Process::name(std::string name) {
    State& ours = own();
    if (ours.pid != 0) {
        throw Error(fmt::format("process '{}' has been started: its name can only be set before", ours.name));
    }
    ours.name = std::move(name);
}

bool Process::daemon() const {
    return state().daemon;
}

void Process::daemon(bool daemon) {
    State& ours = own();
    if (ours.pid != 0) {
        throw Error(fmt::format("process '{}' has been started: daemon can only be set before", ours.name));
    }
    ours.daemon = daemon;
}

void Process::start() {
    State& ours = own();
    std::unique_ptr<Call> done;  // destroyed after the lock is gone, for destructors may use this Process
    auto lock = ours.lock();
    if (ours.pid != 0) {
        throw Error(fmt::format("process '{}' has been started before: make another haid::Process", ours.name));
    }
    ours.forked = process::fork_child([&] { return ours.run(); }, {.sentinel = true});
    ours.pid = ours.forked.pid;
    done = std::move(ours.call);
}

void Process::join() {
    running().wait_until(std::nullopt);
}

bool Process::wait_until(const detail::Deadline& deadline) {
    return running().wait_until(deadline.on_steady_clock());
}

void Process::terminate() {
    running().send(SIGTERM);
}

void Process::kill() {
    running().send(SIGKILL);
}

bool Process::is_alive() const {
    State& ours = own();
    auto lock = ours.lock();
    return ours.pid != 0 && !ours.reap();
}

pid_t Process::pid() const {
    State& ours = state();
    auto lock = ours.lock();
    return ours.pid;
}

std::optional<int> Process::exit_code() const {
    State& ours = own();
    auto lock = ours.lock();
    if (ours.pid != 0) ours.reap();
    return ours.exit_code;
}

int Process::sentinel() const {
    return running().forked.sentinel.get();
}

void Process::close() {
    if (state().closed) return;
    State& ours = own();
    auto lock = ours.lock();
    if (ours.pid != 0 && !ours.reap()) {
        throw Error(fmt::format("process '{}' still runs: join it before closing it", ours.name));
    }
    ours.forked.sentinel.close();
    ours.call.reset();
    ours.closed = true;
}

std::ostream& operator<<(std::ostream& out, const Process& process) {
    if (!process.state_) return out << "<Process moved>";
    Process::State& ours = *process.state_;
    auto lock = ours.lock();
    std::string text = fmt::format("<Process name='{}'", ours.name);
    if (ours.pid != 0) text += fmt::format(" pid={}", ours.pid);
    text += fmt::format(" parent={}", ours.owner);
    if (ours.closed) {
        text += " closed";
    } else if (!ours.is_own()) {
        text += " unknown";
    } else if (ours.pid == 0) {
        text += " initial";
    } else if (!ours.reap()) {
        text += " started";
    } else if (*ours.exit_code < 0) {
        text += fmt::format(" stopped exitcode=-{}", system::signal_name(-*ours.exit_code));
    } else if (*ours.exit_code == Process::unknown_exit) {
        text += " stopped exitcode=unknown";
    } else {
        text += fmt::format(" stopped exitcode={}", *ours.exit_code);
    }
    if (ours.daemon) text += " daemon";
    return out << text << '>';
}

}  // namespace haid
