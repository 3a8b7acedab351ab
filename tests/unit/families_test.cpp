#include "process/families.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "system/descriptor.hpp"

namespace haid::process {
namespace {

constexpr int patience = 50'000;  // milliseconds

// A pipe into a family: `theirs` is held by every process of it, so the end of `mine` is that of the last one.
struct FamilyPipe {
    FamilyPipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
        mine = system::Descriptor(ends[0]);
        theirs = system::Descriptor(ends[1]);
    }
    // Whether a byte or the end has come.
    bool heard() const {
        pollfd readable{mine.get(), POLLIN, 0};
        return ::poll(&readable, 1, patience) == 1;
    }
    system::Descriptor mine;
    system::Descriptor theirs;
};

// Forks children that leave the group a moment later, as `timeout` and `setsid` do. Each is ended by the first SIGTERM
// that reaches it; an alarm ends those that a failure of the test leaves behind.
[[noreturn]] void fork_deserters() {
    ::alarm(patience / 1000);
    for (int number = 0; number < 20; ++number) {
        if (::fork() == 0) {
            ::alarm(patience / 1000);
            volatile int spin = 1000 * (number % 100);
            while (spin != 0) spin = spin - 1;
            number % 2 == 0 ? ::setpgid(0, 0) : ::setsid();
            for (;;) ::pause();
        }
        ::usleep(100);
    }
    for (;;) ::pause();
}

TEST(SignalFamilies, NobodyEscapesByLeavingTheGroupWhileItsParentDies) {
    for (int round = 0; round < 6; ++round) {
        FamilyPipe pipe;
        pid_t leader = ::fork();
        ASSERT_GE(leader, 0);
        if (leader == 0) {
            ::setpgid(0, 0);
            for (int children = 0; children < 2; ++children) {
                if (::fork() == 0) fork_deserters();
            }
            fork_deserters();
        }
        pipe.theirs.close();
        ::setpgid(leader, leader);
        ::poll(nullptr, 0, 1 + round);
        end_families({leader}, parse_ladder("TERM,300,KILL,25"));
        ::waitpid(leader, nullptr, 0);
        ASSERT_TRUE(pipe.heard()) << "somebody of the family lives, round " << round;
    }
}

TEST(SignalFamilies, WhoWasRunningGoesOnAfterASignalThatItSurvives) {
    FamilyPipe pipe;
    pid_t leader = ::fork();
    ASSERT_GE(leader, 0);
    if (leader == 0) {
        ::setpgid(0, 0);
        sigset_t usr1;
        sigemptyset(&usr1);
        sigaddset(&usr1, SIGUSR1);
        ::sigprocmask(SIG_BLOCK, &usr1, nullptr);
        char byte = 'r';
        for (int signal = 0;;) {
            if (::write(pipe.theirs.get(), &byte, 1) != 1) ::_exit(1);
            ::sigwait(&usr1, &signal);
        }
    }
    auto heard = [&] {
        char byte = 0;
        return pipe.heard() && ::read(pipe.mine.get(), &byte, 1) == 1;
    };
    EXPECT_TRUE(heard());
    EXPECT_EQ(signal_families({leader}, SIGUSR1).size(), 1u);
    EXPECT_TRUE(heard());
    end_families({leader}, parse_ladder("KILL,25"));
    ::waitpid(leader, nullptr, 0);
}

}  // namespace
}  // namespace haid::process
