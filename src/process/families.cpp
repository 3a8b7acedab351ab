#include "process/families.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <unordered_set>

namespace haid::process {
namespace {

using system::ProcessEntry;
using Clock = std::chrono::steady_clock;

// A guard may be a descendant of what it is to end.
std::vector<ProcessEntry> families_without_us(const std::vector<pid_t>& leaders, pid_t spared = -1) {
    std::vector<ProcessEntry> members = system::families(leaders);
    std::erase_if(members,
                  [&](const ProcessEntry& member) { return member.pid == ::getpid() || member.pid == spared; });
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

// A process that waits for its vfork child is in state D until the child has called exec or ended.
bool may_still_act(const ProcessEntry& member) {
    return member.state == 'R' || member.state == 'S';
}

// Stops the families; returns when nobody of them can fork any more. A stop that arrives during a fork lets it be
// completed first (only one that is pending before makes Linux >= 4.19 start the fork anew), so whoever has been told
// to stop may still bring forth a child. Therefore: look until everybody was stopped, and then once more, for nobody
// new. Processes of another user, whom we may not stop, could go on for ever: hence the limit. `to_continue`: who was
// running.
std::vector<ProcessEntry> stop_families(const std::vector<pid_t>& leaders, std::vector<pid_t>& to_continue,
                                        pid_t spared = -1) {
    constexpr auto limit = std::chrono::seconds(2);
    constexpr auto between_looks = std::chrono::microseconds(100);
    const auto until = Clock::now() + limit;
    std::unordered_set<pid_t> seen;
    std::unordered_set<pid_t> stopping;
    for (bool all_had_stopped = false;;) {
        std::vector<ProcessEntry> members = families_without_us(leaders, spared);
        bool grew = false;
        for (const ProcessEntry& member : members) {
            if (!seen.insert(member.pid).second) continue;
            grew = true;
            if (member.state != 'T' && ::kill(member.pid, SIGSTOP) == 0) stopping.insert(member.pid);
        }
        if ((all_had_stopped && !grew) || Clock::now() >= until) {
            to_continue.assign(stopping.begin(), stopping.end());
            return members;
        }
        all_had_stopped = std::none_of(members.begin(), members.end(), [&](const ProcessEntry& member) {
            return stopping.contains(member.pid) && may_still_act(member);
        });
        if (!all_had_stopped) std::this_thread::sleep_for(between_looks);
    }
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

std::vector<pid_t> hold_families(const std::vector<pid_t>& leaders, pid_t spared) {
    std::vector<pid_t> held;
    stop_families(leaders, held, spared);
    return held;
}

void remember(std::vector<pid_t>& known, const std::vector<ProcessEntry>& members) {
    const auto knows = [&](pid_t pid) { return std::find(known.begin(), known.end(), pid) != known.end(); };
    for (bool grew = true; grew;) {
        grew = false;
        for (const ProcessEntry& member : members) {
            if (!knows(member.pid) && !knows(member.group) && !knows(member.parent)) continue;
            // One that has joined our group does not make ours theirs.
            for (pid_t pid : {member.pid, member.group}) {
                if (knows(pid) || pid == ::getpgrp()) continue;
                known.push_back(pid);
                grew = true;
            }
        }
    }
}

bool any_left(std::vector<pid_t>& known) {
    const std::vector<ProcessEntry> members = families_without_us(known);
    remember(known, members);
    return std::any_of(members.begin(), members.end(),
                       [](const ProcessEntry& member) { return ::kill(member.pid, 0) == 0 || errno != EPERM; });
}

void end_families(const std::vector<pid_t>& leaders, const Ladder& ladder) {
    std::vector<pid_t> known = leaders;
    auto left = [&] {
        std::vector<ProcessEntry> members = families_without_us(known);
        remember(known, members);
        return !members.empty();
    };
    for (std::size_t rung = 0; left(); rung = std::min(rung + 1, ladder.size() - 1)) {
        remember(known, signal_families(known, ladder[rung].signal));
        auto until = Clock::now() + std::max(ladder[rung].wait, std::chrono::milliseconds(5));
        // A stopped process cannot act on a signal before it is continued.
        signal_families(known, SIGCONT);
        while (Clock::now() < until && left()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

}  // namespace haid::process
