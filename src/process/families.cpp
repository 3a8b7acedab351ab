#include "process/families.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_set>

namespace haid::process {
namespace {

using system::ProcessEntry;

// A guard may be a descendant of what it is to end.
std::vector<ProcessEntry> families_without_us(const std::vector<pid_t>& leaders) {
    std::vector<ProcessEntry> members = system::families(leaders);
    std::erase_if(members, [](const ProcessEntry& member) { return member.pid == ::getpid(); });
    return members;
}

bool may_end_a_process(int signal) {
    switch (signal) {
        case SIGCONT:
        case SIGSTOP:
        case SIGTSTP:
        case SIGTTIN:
        case SIGTTOU:
        case SIGCHLD:
        case SIGURG:
        case SIGWINCH:
            return false;
        default:
            return true;
    }
}

// Stops the families. The kernel lets no fork come through once the stop is pending, so when a look shows nobody new,
// there is nobody else; only processes of another user, whom we may not stop, could go on forking for ever.
// `to_continue`: who was running.
std::vector<ProcessEntry> stop_families(const std::vector<pid_t>& leaders, std::vector<pid_t>& to_continue) {
    constexpr int looks = 100;
    std::vector<ProcessEntry> members;
    std::unordered_set<pid_t> seen;
    bool grew = true;
    for (int look = 0; grew && look < looks; ++look) {
        members = families_without_us(leaders);
        grew = false;
        for (const ProcessEntry& member : members) {
            if (!seen.insert(member.pid).second) continue;
            grew = true;
            if (member.state == 'T' || ::kill(member.pid, SIGSTOP) != 0) continue;
            to_continue.push_back(member.pid);
        }
    }
    return members;
}

}  // namespace

std::vector<ProcessEntry> signal_families(const std::vector<pid_t>& leaders, int signal) {
    std::vector<pid_t> to_continue;
    std::vector<ProcessEntry> members =
        may_end_a_process(signal) ? stop_families(leaders, to_continue) : families_without_us(leaders);
    for (const ProcessEntry& member : members) {
        if (std::find(leaders.begin(), leaders.end(), member.group) == leaders.end()) ::kill(member.pid, signal);
    }
    for (pid_t leader : leaders) ::kill(-leader, signal);
    for (pid_t pid : to_continue) ::kill(pid, SIGCONT);
    return members;
}

void end_families(const std::vector<pid_t>& leaders, const Ladder& ladder) {
    using Clock = std::chrono::steady_clock;
    // A process that lost its parent to an earlier signal no longer descends from a leader: remember whom we saw.
    std::vector<pid_t> known = leaders;
    auto remember = [&](const std::vector<ProcessEntry>& members) {
        for (const ProcessEntry& member : members) {
            if (std::find(known.begin(), known.end(), member.group) == known.end()) known.push_back(member.group);
        }
    };
    auto left = [&] {
        std::vector<ProcessEntry> members = families_without_us(known);
        remember(members);
        return !members.empty();
    };
    for (std::size_t rung = 0; left(); rung = std::min(rung + 1, ladder.size() - 1)) {
        remember(signal_families(known, ladder[rung].signal));
        auto until = Clock::now() + std::max(ladder[rung].wait, std::chrono::milliseconds(5));
        // A stopped process cannot act on a signal before it is continued.
        signal_families(known, SIGCONT);
        while (Clock::now() < until && left()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

}  // namespace haid::process
