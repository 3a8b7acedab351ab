// Runs jobs as processes of this machine.
//
// Each job leads a process group of its own, which the guard knows from before its first instruction on. What a job
// leaves behind (its process has ended, its group or its pipes have not) is watched until the end: pipes are emptied,
// so that nobody dies of SIGPIPE, and the guard still knows the group. What the machine allows (--load, --memfree) is
// looked at here, and told as a change of the slots. Not thread-safe.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "command/environment.hpp"
#include "command/gate.hpp"
#include "command/runner.hpp"
#include "command/settings.hpp"
#include "command/shell.hpp"
#include "process/guard.hpp"
#include "system/command_path.hpp"
#include "system/event_loop.hpp"
#include "system/spawn.hpp"
#include "system/timer.hpp"

namespace haid::command {

class LocalRunner : public Runner {
  public:
    // Raises the limit of open files to what is allowed (jobs get it back as it was), starts the guard and makes this
    // process the parent of its orphans. Throws std::invalid_argument where the shell cannot be run.
    LocalRunner(const RunSettings& settings, const RunnerContext& context);
    ~LocalRunner() override;

    std::optional<std::uint64_t> slots() const override { return gate_.open() ? slots_ : 0; }
    void set_jobs(const std::string& jobs) override;
    Started start(const Job& job) override;
    int refusal() const override { return refusal_; }
    void signal(std::span<const std::uint64_t> slots, int number) override;
    void pause_output(bool paused) override;

    void discard_output() override { discarding_ = true; }
    void reap() override;
    void signal_groups(int number) override;
    // See process::Guard.
    void set_lease(std::optional<system::Time> until) { guard_.set_lease(until); }
    bool ended_for_want_of_lease() { return guard_.ended_for_want_of_lease(); }

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
    void look_at_machine();
    void tell_where_held();
    void watch(Channel& channel);
    void unwatch(Channel& channel);
    void process_ended(Child& child, const process::Ending& ending);
    void conclude_those_that_are_gone();
    void conclude(Child& child);
    void keep_draining(Channel& channel);
    void end_all();
    void check_left_behind();
    void find_left_behind();

    enum class Capture { grouped, streamed, none };
    static Capture capture_for(const RunSettings& settings);

    Shell shell_;
    Capture capture_;
    std::optional<int> nice_;
    std::string oom_score_adj_;
    RunnerContext context_;
    system::EventLoop& loop_;
    system::SpoolStore& store_;
    Listener& listener_;
    std::uint64_t file_limit_;  // soft limit of jobs
    process::Guard guard_;
    Environment environment_;
    system::CommandPath command_path_;
    system::Descriptor null_;
    int usable_cpus_;
    std::uint64_t slots_;
    Gate gate_;
    std::optional<system::Ticker> gate_keeper_;
    system::Time held_since_;  // or later; nothing has run since
    bool held_is_told_ = false;
    std::uint64_t started_ = 0;
    int refusal_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<Child>> by_slot_;
    std::unordered_map<pid_t, Child*> by_pid_;
    std::vector<std::uint64_t> ending_;  // slots of jobs whose process has ended, and not yet their family
    std::list<Drain> drains_;
    std::vector<LeftBehind> left_behind_;
    bool paused_ = false;
    bool discarding_ = false;
};

}  // namespace haid::command
