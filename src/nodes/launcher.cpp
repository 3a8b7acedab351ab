#include "nodes/launcher.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/error.hpp"
#include "system/exec_pointers.hpp"
#include "system/signals.hpp"

namespace haid::nodes {

Launcher::Launcher(const LaunchPlan& plan, const std::vector<std::string>& command,
                   const std::vector<std::string>& added_environment)
    : name_(plan.launcher.front()) {
    std::vector<std::string> arguments = plan.launcher;
    arguments.insert(arguments.end(), command.begin(), command.end());
    std::vector<std::string> entries = plan.environment;
    entries.insert(entries.end(), added_environment.begin(), added_environment.end());
    const std::vector<char*> argument_pointers = system::exec_pointers(arguments);
    const std::vector<char*> entry_pointers = system::exec_pointers(entries);
    sigset_t none;
    sigemptyset(&none);
    process::ForkOptions options;
    options.death_signal = SIGTERM;  // srun ends its step then
    options.also_as_program = true;
    options.sentinel = true;
    options.own_group = true;  // Ctrl-C is the program's
    options.signals_wait = true;
    child_ = process::fork_child(
        [&] {
            system::hold_standard_descriptors();
            for (int signal : {SIGINT, SIGPIPE, SIGXFSZ, options.death_signal}) ::signal(signal, SIG_DFL);
            ::sigprocmask(SIG_SETMASK, &none, nullptr);
            ::execve(argument_pointers.front(), argument_pointers.data(), entry_pointers.data());
            return process::not_executed(argument_pointers.front());
        },
        options);
}

Launcher::~Launcher() {
    if (ended()) return;
    signal(SIGKILL);
    system::uninterrupted([&] { return ::waitpid(child_.pid, nullptr, 0); });
}

bool Launcher::ended() {
    if (ended_) return true;
    int status = 0;
    const pid_t pid = system::uninterrupted([&] { return ::waitpid(child_.pid, &status, WNOHANG); });
    if (pid == 0) return false;
    ended_ = true;
    if (pid < 0) {
        how_ = fmt::format("{} has ended", name_);  // somebody else has asked how
    } else if (WIFSIGNALED(status)) {
        how_ = fmt::format("{} was ended by {}", name_, system::signal_name(WTERMSIG(status)));
    } else {
        how_ = fmt::format("{} ended with exit status {}", name_, WEXITSTATUS(status));
    }
    return true;
}

std::string Launcher::how_it_ended() const {
    return how_;
}

void Launcher::signal(int number) {
    if (!ended()) ::kill(child_.pid, number);
}

}  // namespace haid::nodes
