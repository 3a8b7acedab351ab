// Runs jobs as processes of this machine.
//
// Each job leads a process group of its own, which the guard knows from before its first instruction on. What a job
// leaves behind (its process has ended, its group or its pipes have not) is watched until the end: pipes are emptied,
// so that nobody dies of SIGPIPE, and the guard still knows the group. Not thread-safe.
#pragma once

#include <signal.h>

#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "command/environment.hpp"
#include "command/runner.hpp"
#include "command/shell.hpp"
#include "process/guard.hpp"
#include "system/event_loop.hpp"
#include "system/spawn.hpp"

namespace haid::command {

enum class Capture { grouped, streamed, none };

struct LocalRunnerSettings {
    Shell shell;
    Capture capture = Capture::grouped;
    std::optional<int> nice;
    EnvironmentSettings environment;
    sigset_t signal_mask{};        // what jobs start with
    std::uint64_t file_limit = 0;  // soft limit of jobs
};

class LocalRunner : public Runner {
  public:
    LocalRunner(LocalRunnerSettings settings, system::EventLoop& loop, system::SpoolStore& store, process::Guard& guard,
                Listener& listener);
    ~LocalRunner() override;

    Started start(const Job& job) override;
    void signal(std::span<const std::uint64_t> slots, int number) override;
    void pause_output(bool paused) override;

    // From now on what jobs write is thrown away.
    void discard_output() { discarding_ = true; }
    // To be called after SIGCHLD.
    void reap();
    // To the jobs' process groups alone: for stopping and continuing, which is the terminal's way.
    void signal_groups(int number);

  private:
    class Channel;
    class Drain;
    struct Child;
    struct LeftBehind {
        pid_t leader;  // of a group, or one orphan
        std::size_t entry;
    };

    struct Pipes {
        system::Pipe output;
        system::Pipe error;
    };
    std::optional<Pipes> make_pipes();
    system::Spawned spawn_command(const Job& job, system::SpawnPlan& plan);
    system::Spawned spawn_shell(const std::string& line, system::SpawnPlan& plan);
    system::Spawned spawn_explanation(const std::string& message, int status, system::SpawnPlan& plan);
    void watch(Channel& channel);
    void unwatch(Channel& channel);
    void finish(Child& child, const process::Ending& ending);
    void keep_draining(Channel& channel);
    void check_left_behind();
    void find_left_behind();

    LocalRunnerSettings settings_;
    system::EventLoop& loop_;
    system::SpoolStore& store_;
    process::Guard& guard_;
    Listener& listener_;
    Environment environment_;
    CommandPath command_path_;
    system::Descriptor null_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Child>> by_slot_;
    std::unordered_map<pid_t, Child*> by_pid_;
    std::list<Drain> drains_;
    std::vector<LeftBehind> left_behind_;
    bool paused_ = false;
    bool discarding_ = false;
};

}  // namespace haid::command
