#include "cluster/launch.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include "process/families.hpp"
#include "process/reaper.hpp"
#include "system/error.hpp"
#include "system/signals.hpp"
#include "system/spawn.hpp"

namespace haid::cluster {
namespace {

std::vector<const char*> pointers(const std::vector<std::string>& strings) {
    std::vector<const char*> result;
    result.reserve(strings.size() + 1);
    for (const std::string& one : strings) result.push_back(one.c_str());
    result.push_back(nullptr);
    return result;
}

}  // namespace

Launch::Launch(const std::vector<std::string>& words, const std::vector<std::string>& environment, sigset_t signal_mask)
    : guard_(process::default_ladder(), {}), entry_(guard_.enlist()), name_(words.front()) {
    const auto arguments = pointers(words);
    const auto entries = pointers(environment);
    system::SpawnPlan plan;
    plan.path = name_.c_str();
    plan.arguments = arguments.data();
    plan.environment = entries.data();
    plan.signal_mask = &signal_mask;
    plan.default_pipe_signal = true;
    plan.group_record = guard_.record(entry_);
    const system::Spawned spawned = system::spawn(plan);
    if (spawned.pid < 0) throw system::SystemError(spawned.error, fmt::format("cannot run {}", name_));
    pid_ = spawned.pid;
}

Launch::~Launch() {
    if (ended_) return;
    process::signal_families({pid_}, SIGKILL);
    system::uninterrupted([&] { return ::waitpid(pid_, nullptr, 0); });
}

void Launch::reap() {
    while (auto ending = process::reap()) {
        if (guard_.replaced(ending->pid) || ending->pid != pid_ || ending->stopped) continue;
        ended_ = true;
        exit_status_ = ending->exit_status;
        signal_ = ending->signal;
        guard_.discharge(entry_);
    }
}

std::string Launch::how_it_ended() const {
    if (signal_ != 0) return fmt::format("{} was ended by {}", name_, system::signal_name(signal_));
    return fmt::format("{} ended with exit status {}", name_, exit_status_);
}

void Launch::signal(int number) {
    if (!ended_) process::signal_families({pid_}, number);
}

}  // namespace haid::cluster
