#include "system/process_table.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "system/descriptor.hpp"

namespace haid::system {
namespace {

// A leader, its child, and the child's child, which leads a session of its own; all wait for a signal.
class Family {
  public:
    Family() {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe failed");
        pids[0] = ::fork();
        if (pids[0] == 0) {
            ::setpgid(0, 0);
            ::prctl(PR_SET_NAME, "a) R 1 (b");
            report(ends[1], 0);
            if (::fork() == 0) {
                report(ends[1], 1);
                if (::fork() == 0) {
                    ::setsid();
                    report(ends[1], 2);
                }
            }
            for (;;) ::pause();
        }
        ::close(ends[1]);
        std::array<pid_t, 2> said{};
        for (int i = 0; i < 3 && ::read(ends[0], said.data(), sizeof said) == sizeof said; ++i) {
            pids[static_cast<std::size_t>(said[0])] = said[1];
        }
        ::close(ends[0]);
    }
    ~Family() {
        for (pid_t pid : pids) {
            if (pid > 0) ::kill(pid, SIGKILL);
        }
        ::waitpid(pids[0], nullptr, 0);
    }
    Family(const Family&) = delete;
    Family& operator=(const Family&) = delete;

    std::array<pid_t, 3> pids{};

  private:
    static void report(int pipe, pid_t place) {
        std::array<pid_t, 2> what{place, ::getpid()};
        if (::write(pipe, what.data(), sizeof what) != sizeof what) ::_exit(1);
    }
};

const ProcessEntry* find(const std::vector<ProcessEntry>& table, pid_t pid) {
    auto found = std::find_if(table.begin(), table.end(), [&](const ProcessEntry& entry) { return entry.pid == pid; });
    return found == table.end() ? nullptr : &*found;
}

TEST(ProcessTable, KnowsThisProcess) {
    std::vector<ProcessEntry> table = process_table();
    const ProcessEntry* self = find(table, ::getpid());
    ASSERT_NE(self, nullptr);
    EXPECT_EQ(self->parent, ::getppid());
    EXPECT_EQ(self->group, ::getpgrp());
    EXPECT_EQ(self->state, 'R');
}

TEST(ProcessTable, ReadsPastANameThatLooksLikeFields) {
    Family family;
    std::vector<ProcessEntry> table = process_table();
    const ProcessEntry* leader = find(table, family.pids[0]);
    ASSERT_NE(leader, nullptr);
    EXPECT_EQ(leader->parent, ::getpid());
    EXPECT_EQ(leader->group, family.pids[0]);
}

TEST(Families, HoldDescendantsInOtherSessions) {
    Family family, other;
    std::vector<ProcessEntry> members = families(std::array{family.pids[0]});
    EXPECT_EQ(members.size(), 3u);
    for (pid_t pid : family.pids) EXPECT_NE(find(members, pid), nullptr);
    const ProcessEntry* grandchild = find(members, family.pids[2]);
    ASSERT_NE(grandchild, nullptr);
    EXPECT_EQ(grandchild->group, family.pids[2]);
    EXPECT_EQ(families(std::array{family.pids[0], other.pids[0]}).size(), 6u);
}

TEST(Families, HoldWhomALeaderLeftBehindInItsGroup) {
    Family family;
    ASSERT_EQ(::kill(family.pids[0], SIGKILL), 0);
    siginfo_t ended{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(family.pids[0]), &ended, WEXITED | WNOWAIT), 0);
    std::vector<ProcessEntry> members = families(std::array{family.pids[0]});
    EXPECT_EQ(find(members, family.pids[0]), nullptr) << "a zombie needs no signal";
    EXPECT_NE(find(members, family.pids[1]), nullptr);
    EXPECT_NE(find(members, family.pids[2]), nullptr);
}

TEST(Families, OfNobodyAreEmpty) {
    EXPECT_TRUE(families({}).empty());
    Family family;
    EXPECT_EQ(families(std::array{family.pids[2]}).size(), 1u) << "parents do not belong to a family";
}

}  // namespace
}  // namespace haid::system
