#include "process/guard.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>

#include "process/families.hpp"
#include "processes.hpp"
#include "system/spawn.hpp"

namespace haid::process {
namespace {

using namespace std::chrono_literals;

constexpr int patience = 50'000;  // milliseconds until a test gives up waiting

// Orphans become children of this process, so that the tests can see every end and leave nothing behind.
class GuardTest : public testing::Test {
  protected:
    GuardTest() {
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
        reports_ = {system::Descriptor(ends[0]), system::Descriptor(ends[1])};
    }
    ~GuardTest() override {
        for (pid_t pid : started_) ::kill(pid, SIGKILL);
        for (pid_t pid : started_) ::waitpid(pid, nullptr, 0);
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    }

    // In a child: tells the test a pid.
    void report(pid_t pid) const {
        if (::write(reports_.write.get(), &pid, sizeof pid) != sizeof pid) ::_exit(1);
    }
    // The next pid that was told; it will be cleaned up. 0 where none comes.
    pid_t next_report() {
        pid_t pid = 0;
        pollfd readable{reports_.read.get(), POLLIN, 0};
        if (::poll(&readable, 1, patience) != 1 || ::read(reports_.read.get(), &pid, sizeof pid) != sizeof pid)
            return 0;
        started_.insert(pid);
        return pid;
    }
    // Reaps it; the signal that ended it, 0 for an exit, -1 where it does not end.
    int ending_signal(pid_t pid) {
        for (int waited = 0; waited < patience; waited += 5) {
            int status = 0;
            pid_t ended = ::waitpid(pid, &status, WNOHANG);
            if (ended == pid) {
                started_.erase(pid);
                return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
            }
            if (ended < 0 && errno != ECHILD) return -1;  // ECHILD: its own parent has not ended yet
            ::poll(nullptr, 0, 5);
        }
        return -1;
    }
    static bool alive(pid_t pid) {
        siginfo_t none{};
        return ::kill(pid, 0) == 0 &&
               ::waitid(P_PID, static_cast<id_t>(pid), &none, WEXITED | WNOHANG | WNOWAIT) == 0 && none.si_pid == 0;
    }
    pid_t fork_started(const std::function<void()>& body) {
        pid_t pid = ::fork();
        if (pid == 0) {
            body();
            ::_exit(0);
        }
        started_.insert(pid);
        return pid;
    }
    [[noreturn]] static void wait_for_signals() {
        for (;;) ::pause();
    }
    // A process group of a leader, a child, and the child's child in a session of its own; all report their pids.
    pid_t start_family(bool stubborn) {
        return fork_started([&] {
            ::setpgid(0, 0);
            if (stubborn) ::signal(SIGTERM, SIG_IGN);
            if (::fork() == 0 && ::fork() == 0) ::setsid();
            report(::getpid());
            wait_for_signals();
        });
    }
    // A job such as the program starts it, on the guard's record.
    static pid_t start_job(Guard& guard) { return start_job(guard, guard.enlist()); }
    static pid_t start_job(Guard& guard, std::size_t entry) {
        const char* words[] = {"/bin/sleep", "1000", nullptr};
        const char* variables[] = {nullptr};
        system::SpawnPlan plan;
        plan.path = words[0];
        plan.arguments = words;
        plan.environment = variables;
        sigset_t none;
        sigemptyset(&none);
        plan.signal_mask = &none;
        plan.group_record = guard.record(entry);
        return system::spawn(plan).pid;
    }

    system::Pipe reports_;
    std::set<pid_t> started_;
};

TEST_F(GuardTest, EndFamiliesEndsAGrandchildInASessionOfItsOwn) {
    pid_t leader = start_family(false);
    std::set<pid_t> members = {next_report(), next_report(), next_report()};
    ASSERT_EQ(members.size(), 3u);
    ASSERT_TRUE(members.contains(leader));
    end_families({leader}, parse_ladder("TERM,30000,KILL,25"));
    for (pid_t pid : members) EXPECT_EQ(ending_signal(pid), SIGTERM);
}

TEST_F(GuardTest, EndFamiliesGoesOnWhereASignalIsIgnored) {
    pid_t leader = start_family(true);
    std::set<pid_t> members = {next_report(), next_report(), next_report()};
    ASSERT_EQ(members.size(), 3u);
    end_families({leader}, parse_ladder("TERM,10,KILL,25"));
    for (pid_t pid : members) EXPECT_EQ(ending_signal(pid), SIGKILL);
}

TEST_F(GuardTest, EndFamiliesWakesWhoIsStopped) {
    pid_t leader = start_family(false);
    std::set<pid_t> members = {next_report(), next_report(), next_report()};
    for (pid_t pid : members) ::kill(pid, SIGSTOP);
    end_families({leader}, parse_ladder("TERM,30000,KILL,25"));
    for (pid_t pid : members) EXPECT_EQ(ending_signal(pid), SIGTERM);
}

TEST_F(GuardTest, EndFamiliesOfNobodyEnds) {
    pid_t bystander = fork_started(wait_for_signals);
    end_families({}, default_ladder());
    EXPECT_TRUE(alive(bystander));
}

TEST_F(GuardTest, EndsTheJobsOfAProgramThatWasKilled) {
    pid_t program = fork_started([&] {
        Guard guard(default_ladder(), {});
        report(guard.pid());
        report(start_job(guard));
        report(start_job(guard));
        wait_for_signals();
    });
    pid_t guard = next_report(), first = next_report(), second = next_report();
    ASSERT_TRUE(guard > 0 && first > 0 && second > 0);
    ::kill(program, SIGKILL);
    EXPECT_EQ(ending_signal(program), SIGKILL);
    EXPECT_EQ(ending_signal(guard), 0) << "the guard goes when its work is done";
    EXPECT_FALSE(alive(first)) << "and not earlier";
    EXPECT_FALSE(alive(second));
    EXPECT_EQ(ending_signal(first), SIGTERM);
    EXPECT_EQ(ending_signal(second), SIGTERM);
}

TEST_F(GuardTest, EndsTheJobsWhenTheLeaseHasPassed) {
    // The program is stopped: it neither ends its jobs nor sees their end.
    pid_t program = fork_started([&] {
        Guard guard(default_ladder(), {}, std::chrono::steady_clock::now() + 1s);
        report(guard.pid());
        report(start_job(guard));
        wait_for_signals();
    });
    pid_t guard = next_report(), job = next_report();
    ASSERT_TRUE(guard > 0 && job > 0);
    ::kill(program, SIGSTOP);
    // It has ended, and nobody has looked.
    auto ended = [&] {
        return system::read_small_file("/proc/" + std::to_string(job) + "/stat").find(") Z") != std::string::npos;
    };
    for (int waited = 0; waited < patience && !ended(); waited += 5) ::usleep(5000);
    EXPECT_TRUE(ended());
    EXPECT_EQ(::kill(guard, 0), 0);
    ::kill(program, SIGKILL);
    EXPECT_EQ(ending_signal(program), SIGKILL);
    EXPECT_EQ(ending_signal(guard), 0);
}

TEST_F(GuardTest, ALeaseCanBeMadeLonger) {
    pid_t program = fork_started([&] {
        Guard guard(default_ladder(), {}, std::chrono::steady_clock::now() + 3s);
        guard.set_lease(std::chrono::steady_clock::now() + 1000s);
        report(guard.pid());
        report(start_job(guard));
        ::usleep(5'000'000);
        guard.set_lease(std::nullopt);
        ::usleep(2'000'000);
        report(::getpid());
        wait_for_signals();
    });
    pid_t guard = next_report(), job = next_report();
    ASSERT_TRUE(guard > 0 && job > 0);
    EXPECT_EQ(next_report(), program);
    const std::string state = system::read_small_file("/proc/" + std::to_string(job) + "/stat");
    EXPECT_NE(state.find(") S"), std::string::npos) << state;
    ::kill(program, SIGKILL);
    EXPECT_EQ(ending_signal(program), SIGKILL);
    EXPECT_EQ(ending_signal(guard), 0);
    EXPECT_EQ(ending_signal(job), SIGTERM);
}

// A lease passes while the guard stands still: its job is stopped when the guard goes on. `renewed`: what follows.
class StoodStillTest : public GuardTest, public testing::WithParamInterface<bool> {};

TEST_P(StoodStillTest, HoldsTheJobsUntilTheLeaseIsRenewedOrIsNot) {
    const bool renewed = GetParam();
    int go[2];
    ASSERT_EQ(::pipe(go), 0);
    pid_t program = fork_started([&] {
        Guard guard(default_ladder(), {}, std::chrono::steady_clock::now() + 2s);
        report(guard.pid());
        report(start_job(guard));
        char byte = 0;
        if (::read(go[0], &byte, 1) == 1) guard.set_lease(std::chrono::steady_clock::now() + 1000s);
        wait_for_signals();
    });
    pid_t guard = next_report(), job = next_report();
    ASSERT_TRUE(guard > 0 && job > 0);
    auto becomes = [&](const char* state) {
        const std::string wanted = std::string(") ") + state;
        for (int waited = 0; waited < patience; waited += 5, ::usleep(5000)) {
            const std::string now = system::read_small_file("/proc/" + std::to_string(job) + "/stat");
            if (now.find(wanted) != std::string::npos) return true;
        }
        return false;
    };
    ::kill(guard, SIGSTOP);
    ::usleep(6'000'000);
    EXPECT_TRUE(becomes("S")) << "nobody has ended it meanwhile";
    ::kill(guard, SIGCONT);
    EXPECT_TRUE(becomes("T"));
    if (renewed) {
        EXPECT_EQ(::write(go[1], "x", 1), 1);
    }
    EXPECT_TRUE(becomes(renewed ? "S" : "Z"));
    ::kill(program, SIGKILL);
    EXPECT_EQ(ending_signal(program), SIGKILL);
    EXPECT_EQ(ending_signal(guard), 0);
    EXPECT_EQ(ending_signal(job), SIGTERM);
    ::close(go[0]);
    ::close(go[1]);
}

INSTANTIATE_TEST_SUITE_P(AGuard, StoodStillTest, testing::Bool());

TEST_F(GuardTest, LeavesAJobAloneThatIsOffTheRecord) {
    pid_t program = fork_started([&] {
        Guard guard(default_ladder(), {});
        report(guard.pid());
        const std::size_t entry = guard.enlist();
        pid_t job = start_job(guard, entry);
        guard.discharge(entry);
        report(job);
        wait_for_signals();
    });
    pid_t guard = next_report(), job = next_report();
    ASSERT_TRUE(guard > 0 && job > 0);
    ::kill(program, SIGKILL);
    EXPECT_EQ(ending_signal(guard), 0);
    EXPECT_TRUE(alive(job));
}

TEST_F(GuardTest, HoldsDescriptorsUntilTheJobsHaveEnded) {
    system::Descriptor file = system::unlinked_file(testing::TempDir());
    std::string path = "/proc/self/fd/" + std::to_string(file.get());
    pid_t program = fork_started([&] {
        system::Descriptor locked = system::open_file(path, O_RDWR);
        if (::flock(locked.get(), LOCK_EX) != 0) ::_exit(1);
        Guard guard(default_ladder(), {locked.get()});
        ::kill(guard.pid(), SIGSTOP);
        report(guard.pid());
        report(start_job(guard));
        wait_for_signals();
    });
    pid_t guard = next_report(), job = next_report();
    ASSERT_TRUE(guard > 0 && job > 0);
    ::kill(program, SIGKILL);
    ASSERT_EQ(ending_signal(program), SIGKILL);
    system::Descriptor ours = system::open_file(path, O_RDWR);
    EXPECT_NE(::flock(ours.get(), LOCK_EX | LOCK_NB), 0) << "a job still runs";
    EXPECT_TRUE(alive(job));
    ::kill(guard, SIGCONT);
    EXPECT_EQ(ending_signal(guard), 0);
    EXPECT_EQ(::flock(ours.get(), LOCK_EX | LOCK_NB), 0);
    EXPECT_EQ(ending_signal(job), SIGTERM);
}

TEST_F(GuardTest, EndsNothingWhenTheProgramGoesInOrder) {
    pid_t job = 0, guard_pid = 0;
    {
        Guard guard(default_ladder(), {});
        guard_pid = guard.pid();
        job = start_job(guard);
        started_.insert(job);
    }
    EXPECT_EQ(::kill(guard_pid, 0), -1) << "the guard has gone";
    EXPECT_TRUE(alive(job));
}

TEST_F(GuardTest, IsNotReachedBySignalsToTheProgramsGroup) {
    Guard guard(default_ladder(), {});
    EXPECT_NE(::getsid(guard.pid()), -1);
    // It leaves the session in its own time.
    for (int waited = 0; waited < patience && ::getsid(guard.pid()) == ::getsid(0); waited += 5) ::poll(nullptr, 0, 5);
    EXPECT_EQ(::getsid(guard.pid()), guard.pid());
    EXPECT_EQ(::getpgid(guard.pid()), guard.pid());
}

TEST_F(GuardTest, IsNotReachedBySignalsToTheProgramsGroupWhileItStarts) {
    for (int signal : {SIGINT, SIGQUIT, SIGALRM}) {
        SignalAtBirth at_birth(signal);
        Guard guard(default_ladder(), {});
        const auto has_left = [&] { return ::getsid(guard.pid()) != ::getsid(0); };
        for (int waited = 0; waited < patience && alive(guard.pid()) && !has_left(); waited += 5) ::poll(nullptr, 0, 5);
        ::poll(nullptr, 0, 50);  // for what may still wait for it
        EXPECT_TRUE(alive(guard.pid())) << "signal " << signal;
    }
}

TEST_F(GuardTest, AGuardThatWasKilledIsReplacedAndKnowsTheJobs) {
    pid_t program = fork_started([&] {
        Guard guard(default_ladder(), {});
        pid_t first = guard.pid();
        report(start_job(guard));
        ::kill(first, SIGKILL);
        ::waitpid(first, nullptr, 0);
        if (guard.replaced(first + 1) || !guard.replaced(first) || guard.pid() == first) ::_exit(1);
        report(guard.pid());
        wait_for_signals();
    });
    pid_t job = next_report(), guard = next_report();
    ASSERT_TRUE(guard > 0 && job > 0);
    ::kill(program, SIGKILL);
    EXPECT_EQ(ending_signal(guard), 0);
    EXPECT_EQ(ending_signal(job), SIGTERM);
}

}  // namespace
}  // namespace haid::process
