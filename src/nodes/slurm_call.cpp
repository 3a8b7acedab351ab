#include "nodes/slurm_call.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "process/fork.hpp"
#include "system/command_path.hpp"
#include "system/error.hpp"
#include "system/event_loop.hpp"
#include "system/exec_pointers.hpp"

namespace haid::nodes {
namespace {

using system::Clock;

// A budget here is none in a job that is submitted, which gets its own CPUs.
std::vector<std::string> environment_of_calls() {
    std::vector<std::string> entries;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (!std::string_view(*entry).starts_with("HAID_CPUS=")) entries.emplace_back(*entry);
    }
    return entries;
}

// The child, and what is to be heard of it.
class Listening {
  public:
    Listening(std::vector<std::string> words, std::vector<std::string> entries, const std::string& input)
        : out_(system::make_pipe()), err_(system::make_pipe()) {
        const std::string path =
            words.front().find('/') != std::string::npos ? words.front() : path_of_slurms(words.front());
        const std::vector<char*> arguments = system::exec_pointers(words);
        const std::vector<char*> environment = system::exec_pointers(entries);
        const auto file = system::open_file(input.empty() ? "/dev/null" : input, O_RDONLY);
        sigset_t none;
        ::sigemptyset(&none);
        process::ForkOptions options;
        options.also_as_program = true;
        options.sentinel = true;
        options.child_prints = false;
        options.own_group = true;  // Ctrl-C is the program's
        options.signals_wait = true;
        child_ = process::fork_child(
            [&] {
                for (int signal : {SIGINT, SIGPIPE, SIGXFSZ, SIGCHLD}) ::signal(signal, SIG_DFL);
                ::sigprocmask(SIG_SETMASK, &none, nullptr);
                // Its standard error first: there it is heard why it cannot begin.
                if (::dup2(err_.write.get(), STDERR_FILENO) < 0 || ::dup2(file.get(), STDIN_FILENO) < 0 ||
                    ::dup2(out_.write.get(), STDOUT_FILENO) < 0) {
                    return process::not_executed(path.c_str());
                }
                ::execve(path.c_str(), arguments.data(), environment.data());
                return process::not_executed(path.c_str());
            },
            options);
        out_.write.close();
        err_.write.close();
    }
    ~Listening() {
        if (runs_) end();
    }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

    Said listen(Clock::time_point until) {
        Said said;
        while (out_.read || err_.read || runs_) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
            if (left <= 0) {
                said.in_time = false;
                if (runs_) end();
                break;
            }
            std::array<pollfd, 3> ready{{{out_.read.get(), POLLIN, 0},
                                         {err_.read.get(), POLLIN, 0},
                                         {runs_ ? child_.sentinel.get() : -1, POLLIN, 0}}};
            ::poll(ready.data(), ready.size(), static_cast<int>(std::min<long>(left, 60'000)));
            take(out_.read, said.out);
            take(err_.read, said.err);
            if (runs_ && ready[2].revents != 0) reap(said);
        }
        return said;
    }

  private:
    void take(system::Descriptor& from, std::string& text) {
        char buffer[4096];
        while (from) {
            const ssize_t size = ::read(from.get(), buffer, sizeof buffer);
            if (size > 0) {
                text.append(buffer, static_cast<std::size_t>(size));
            } else if (size == 0) {
                from.close();
            } else if (errno != EINTR) {
                if (errno != EAGAIN) system::throw_errno("cannot read what a command of Slurm's says");
                return;
            }
        }
    }

    void reap(Said& said) {
        int status = 0;
        runs_ = false;
        // Where somebody else has reaped it, what it said is all that is known.
        if (system::uninterrupted([&] { return ::waitpid(child_.pid, &status, 0); }) != child_.pid) return;
        said.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

    void end() {
        runs_ = false;
        if (::kill(-child_.pid, SIGKILL) != 0) ::kill(child_.pid, SIGKILL);  // it may not lead its group yet
        system::uninterrupted([&] { return ::waitpid(child_.pid, nullptr, 0); });
    }

    system::Pipe out_, err_;
    process::Forked child_;
    bool runs_ = true;
};

}  // namespace

std::string path_of_slurms(const std::string& command) {
    if (auto path = system::CommandPath().find_absolute(command)) return *path;
    throw std::invalid_argument(
        fmt::format("Slurm's {} is not in PATH (a container sees Slurm's commands, their configuration and the socket "
                    "of munge only where they are brought into it)",
                    command));
}

Said run_and_listen(const std::vector<std::string>& words, std::chrono::seconds limit, const std::string& input) {
    return Listening(words, environment_of_calls(), input).listen(Clock::now() + limit);
}

Said ask_slurm(const std::vector<std::string>& words, std::chrono::seconds limit) {
    constexpr std::array for_people = {"SQUEUE_",  "SINFO_",          "SCONTROL_",
                                       "SCANCEL_", "SLURM_CLUSTERS=", "SLURM_TIME_FORMAT="};
    std::vector<std::string> entries = environment_of_calls();
    std::erase_if(entries, [&](const std::string& entry) {
        return std::any_of(for_people.begin(), for_people.end(),
                           [&](const char* name) { return entry.starts_with(name); });
    });
    entries.emplace_back("SLURM_TIME_FORMAT=standard");
    return Listening(words, std::move(entries), "").listen(Clock::now() + limit);
}

}  // namespace haid::nodes
