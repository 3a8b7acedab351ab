#include "system/spawn.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "failing_calls.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"

namespace haid::system {
namespace {

// A plan whose words live as long as it does.
class Program {
  public:
    explicit Program(std::vector<std::string> words, std::vector<std::string> variables = {})
        : words_(std::move(words)), variables_(std::move(variables)) {
        for (const std::string& word : words_) arguments_.push_back(word.c_str());
        for (const std::string& variable : variables_) environment_.push_back(variable.c_str());
        arguments_.push_back(nullptr);
        environment_.push_back(nullptr);
        plan.path = arguments_[0];
        plan.arguments = arguments_.data();
        plan.environment = environment_.data();
    }

    // What it prints, until it has ended.
    std::string printed() {
        Pipe pipe = make_pipe();
        plan.output = pipe.write.get();
        Spawned spawned = spawn(plan);
        plan.output = -1;
        pipe.write.close();
        if (spawned.pid < 0) return "not started: " + reason(spawned.error);
        std::string text;
        char buffer[4096];
        for (;;) {
            pollfd readable{pipe.read.get(), POLLIN, 0};
            ::poll(&readable, 1, -1);
            ssize_t size = ::read(pipe.read.get(), buffer, sizeof buffer);
            if (size <= 0) break;
            text.append(buffer, static_cast<std::size_t>(size));
        }
        EXPECT_EQ(exit_status(spawned.pid), 0);
        return text;
    }

    static int exit_status(pid_t pid) {
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    SpawnPlan plan;

  private:
    std::vector<std::string> words_, variables_;
    std::vector<const char*> arguments_, environment_;
};

Program shell(const std::string& line) {
    return Program({"/bin/sh", "-c", line}, {"PATH=/usr/bin:/bin"});
}

// The line of /proc/self/status in the child: a set of signals.
bool has_signal(const std::string& status, const std::string& set, int signal) {
    std::size_t at = status.find(set + ":\t");
    EXPECT_NE(at, std::string::npos) << status;
    unsigned long long mask = std::stoull(status.substr(at + set.size() + 2, 16), nullptr, 16);
    return (mask >> (signal - 1) & 1) != 0;
}

void expect_no_child() {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST(Spawn, StartsAProgramWithItsWordsAndVariables) {
    Program program({"/bin/sh", "-c", "printf '%s|' \"$0\" \"$@\" \"$VARIABLE\" \"$HOME\"", "a", "b c", ""},
                    {"VARIABLE=x y"});
    EXPECT_EQ(program.printed(), "a|b c||x y||");
    expect_no_child();
}

TEST(Spawn, GivesDescriptorsTheirPlaces) {
    Pipe input = make_pipe();
    Pipe error = make_pipe();
    write_all(input.write.get(), "from input\n", "the pipe");
    input.write.close();
    Program program = shell("cat; echo to error >&2");
    program.plan.input = input.read.get();
    program.plan.error = error.write.get();
    EXPECT_EQ(program.printed(), "from input\n");
    char buffer[100];
    ssize_t size = ::read(error.read.get(), buffer, sizeof buffer);
    ASSERT_GT(size, 0);
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(size)), "to error\n");
}

TEST(Spawn, AProgramThatDoesNotExistIsAValue) {
    Spawned spawned = spawn(Program({"/nonexistent/program"}).plan);
    EXPECT_EQ(spawned.pid, -1);
    EXPECT_EQ(spawned.error, ENOENT);
    EXPECT_EQ(spawned.stage, Spawned::Stage::exec);
    expect_no_child();
}

TEST(Spawn, AFileThatCannotBeRunIsAValue) {
    EXPECT_EQ(spawn(Program({"/etc/passwd"}).plan).error, EACCES);
    EXPECT_EQ(spawn(Program({"/"}).plan).error, EACCES);
    expect_no_child();
}

TEST(Spawn, SaysAtWhichStageItFailed) {
    Program program({"/bin/true"});
    program.plan.directory = "/nonexistent";
    Spawned spawned = spawn(program.plan);
    EXPECT_EQ(spawned.error, ENOENT);
    EXPECT_EQ(spawned.stage, Spawned::Stage::directory);
    program.plan.directory = nullptr;
    program.plan.output = 1'000'000'000;
    spawned = spawn(program.plan);
    EXPECT_EQ(spawned.error, EBADF);
    EXPECT_EQ(spawned.stage, Spawned::Stage::descriptors);
    expect_no_child();
}

TEST(Spawn, AMachineWithoutProcessesLeftIsAValue) {
    const FailingCall clone(SystemCall::clone, EAGAIN);
    sigset_t before, after;
    ::sigprocmask(SIG_BLOCK, nullptr, &before);
    Spawned spawned = spawn(Program({"/bin/true"}).plan);
    ::sigprocmask(SIG_BLOCK, nullptr, &after);
    EXPECT_EQ(spawned.pid, -1);
    EXPECT_EQ(spawned.error, EAGAIN);
    EXPECT_EQ(spawned.stage, Spawned::Stage::fork);
    EXPECT_EQ(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM)) << "signals stay as they were";
}

TEST(Spawn, LeadsAProcessGroupThatIsOnRecord) {
    std::atomic<pid_t> record = 0;
    Pipe input = make_pipe();
    ::fcntl(input.read.get(), F_SETFL, 0);  // cat does not expect an input that does not block
    Program program({"/bin/cat"});
    program.plan.input = input.read.get();
    program.plan.group_record = &record;
    Spawned spawned = spawn(program.plan);
    ASSERT_GT(spawned.pid, 0);
    EXPECT_EQ(record, spawned.pid);
    EXPECT_EQ(::getpgid(spawned.pid), spawned.pid);
    EXPECT_NE(::getpgrp(), spawned.pid);
    input.write.close();
    EXPECT_EQ(Program::exit_status(spawned.pid), 0);
}

TEST(Spawn, WhatIsSentToTheParentsGroupBeforeTheChildHasLeftItIsNotForTheChild) {
    static int signal_at_birth = 0;
    static int (*become)(void*) = nullptr;
    const CallInstead<SystemCall::clone> signals([](int (*body)(void*), void* stack, int flags, void* argument) {
        become = body;
        auto signalled = [](void* plan) {
            ::kill(::getpid(), signal_at_birth);
            return become(plan);
        };
        return ::clone(signalled, stack, flags, argument);
    });
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGTSTP}) {
        signal_at_birth = signal;
        Program program = shell("exit 7");
        Spawned spawned = spawn(program.plan);
        ASSERT_GT(spawned.pid, 0);
        EXPECT_EQ(Program::exit_status(spawned.pid), 7) << "signal " << signal;
    }
    expect_no_child();
}

TEST(Spawn, RunsInTheDirectory) {
    std::string folder = testing::TempDir() + "haid-spawn-XXXXXX";
    ASSERT_TRUE(::mkdtemp(folder.data()));
    Program program({"/bin/pwd"});
    program.plan.directory = folder.c_str();
    EXPECT_EQ(program.printed(), std::filesystem::canonical(folder).string() + "\n");
    std::filesystem::remove(folder);
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::current_path())) << "ours is another";
}

TEST(Spawn, SetsTheSignalMaskOfTheChildAlone) {
    sigset_t before, blocked, usual, after;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &blocked, &before);
    Program program({"/bin/cat", "/proc/self/status"});
    std::string status = program.printed();
    EXPECT_TRUE(has_signal(status, "SigBlk", SIGUSR1)) << "without a mask it is the parent's";
    EXPECT_FALSE(has_signal(status, "SigBlk", SIGTERM));
    sigemptyset(&usual);
    sigaddset(&usual, SIGUSR2);
    program.plan.signal_mask = &usual;
    status = program.printed();
    EXPECT_FALSE(has_signal(status, "SigBlk", SIGUSR1));
    EXPECT_TRUE(has_signal(status, "SigBlk", SIGUSR2));
    EXPECT_FALSE(has_signal(status, "SigBlk", SIGTERM));
    ::sigprocmask(SIG_SETMASK, &before, &after);
    EXPECT_TRUE(sigismember(&after, SIGUSR1));
    EXPECT_FALSE(sigismember(&after, SIGUSR2));
}

TEST(Spawn, GivesTheChildItsSignalsOfWritesBack) {
    for (int number : {SIGPIPE, SIGXFSZ}) {
        auto handler = ::signal(number, SIG_IGN);
        Program program({"/bin/cat", "/proc/self/status"});
        EXPECT_TRUE(has_signal(program.printed(), "SigIgn", number)) << "what is ignored stays ignored";
        program.plan.default_write_signals = true;
        EXPECT_FALSE(has_signal(program.printed(), "SigIgn", number));
        EXPECT_EQ(::signal(number, handler), SIG_IGN) << "ours is still ignored";
    }
}

TEST(Spawn, SetsNicenessAndTheLimitOfOpenFiles) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    int niceness = std::min(::getpriority(PRIO_PROCESS, 0) + 3, 19);
    Program program = shell("ulimit -S -n; nice");
    program.plan.file_limit = 64;
    program.plan.nice = niceness;
    EXPECT_EQ(program.printed(), "64\n" + std::to_string(niceness) + "\n");
    rlimit after{};
    ::getrlimit(RLIMIT_NOFILE, &after);
    EXPECT_EQ(after.rlim_cur, limit.rlim_cur);
}

TEST(Spawn, SetsTheScoreForTheOutOfMemoryKillerOfTheChildAlone) {
    auto score = [] { return read_small_file("/proc/self/oom_score_adj"); };
    const std::string before = score();
    Program program({"/bin/cat", "/proc/self/oom_score_adj"});
    program.plan.oom_score_adj = "1000";
    EXPECT_EQ(program.printed(), "1000\n");
    EXPECT_EQ(score(), before);
}

TEST(Spawn, LeavesNoDescriptorOpen) {
    Pipe pipe = make_pipe();
    Program program = shell("ls /proc/self/fd | wc -l");
    std::string before = program.printed();
    Pipe another = make_pipe();
    EXPECT_EQ(program.printed(), before);
}

}  // namespace
}  // namespace haid::system
