#include "command/local_runner.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <stdexcept>

#include "command/jobs_number.hpp"
#include "process/families.hpp"
#include "system/error.hpp"

namespace haid::command {

using system::Spawned;
using system::SpawnPlan;

namespace {

// Nothing has run for so long, for the machine does not allow it: that is worth a word.
constexpr std::chrono::seconds long_held{3};

// Empties a pipe a little; whether it is at its end.
bool throw_away(int pipe) {
    static char discarded[64 * 1024];
    ssize_t size = system::uninterrupted([&] { return ::read(pipe, discarded, sizeof discarded); });
    return size == 0 || (size < 0 && errno != EAGAIN);
}

double wall_clock() {
    timeval now{};
    ::gettimeofday(&now, nullptr);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_usec) / 1e6;
}

const Shell& usable(const Shell& shell) {
    if (::access(shell.path.c_str(), X_OK) == 0) return shell;
    throw std::invalid_argument(
        fmt::format("cannot run the shell '{}': {} (see PARALLEL_SHELL and SHELL)", shell.path, system::reason(errno)));
}

EnvironmentSettings environment_settings(const RunSettings& settings) {
    EnvironmentSettings result;
    result.slot_variable = settings.slot_variable;
    result.limit_threads = settings.limit_threads;
    result.seed = settings.seed;
    auto share = static_cast<std::uint64_t>(settings.usable_cpus) / settings.policy.slots;
    result.cpus_per_job =
        settings.cpus_per_job > 0 ? settings.cpus_per_job : static_cast<int>(std::max<std::uint64_t>(share, 1));
    return result;
}

}  // namespace

// The read end of one of a job's pipes.
class LocalRunner::Channel : public system::Watcher {
  public:
    Channel(LocalRunner& runner, std::uint64_t slot, Stream stream, system::Descriptor pipe)
        : runner_(runner), slot_(slot), stream_(stream), pipe_(std::move(pipe)), spool_(runner.store_) {}

    void on_ready(std::uint32_t) override { take(one_turn); }

    // Takes up to `limit` bytes; closes the pipe at its end.
    void take(std::size_t limit) {
        if (!pipe_) return;
        if (runner_.discarding_) {
            if (throw_away(pipe_.get())) close();
            return;
        }
        if (widened_ && spool_.empty()) {
            while (auto passed = runner_.listener_.on_readable(slot_, stream_, pipe_.get(), limit)) {
                if (*passed == 0) return close();
                limit -= std::min(limit, *passed);
                if (limit == 0) return;
            }
        }
        bool ended = spool_.fill_from(pipe_.get(), limit) == system::Spool::Input::ended;
        if (runner_.capture_ == Capture::streamed && !spool_.empty()) {
            std::string text = spool_.text();
            spool_ = system::Spool(runner_.store_);
            runner_.listener_.on_output(slot_, stream_, text);
        } else if (spool_.size() >= much) {
            if (!widened_) ::fcntl(pipe_.get(), F_SETPIPE_SZ, wide_pipe);
            widened_ = true;
            runner_.listener_.on_much_output(slot_, stream_, spool_);
        }
        if (ended) close();
    }

    // What the job itself wrote is in the pipe when it has ended; more than a pipe holds cannot be the job's.
    void take_rest() {
        if (pipe_) take(static_cast<std::size_t>(std::max(::fcntl(pipe_.get(), F_GETPIPE_SZ), 64 * 1024)));
    }

    void close() {
        runner_.unwatch(*this);
        pipe_.close();
    }

    system::Descriptor& pipe() { return pipe_; }
    system::Spool& spool() { return spool_; }
    bool watched = false;

  private:
    // As much as one job may bring before others get their turn.
    static constexpr std::size_t one_turn = 1024 * 1024;
    // From here on a job counts as one that writes much: its pipe becomes as large as Linux lets anybody have it
    // (/proc/sys/fs/pipe-max-size), which saves most of the switches between it and us.
    static constexpr std::size_t much = 256 * 1024;
    static constexpr int wide_pipe = 1024 * 1024;

    LocalRunner& runner_;
    std::uint64_t slot_;
    Stream stream_;
    system::Descriptor pipe_;
    system::Spool spool_;
    bool widened_ = false;
};

// A pipe whose job has ended while somebody still holds its other end.
class LocalRunner::Drain : public system::Watcher {
  public:
    Drain(LocalRunner& runner, system::Descriptor pipe) : runner_(runner), pipe_(std::move(pipe)) {
        runner_.loop_.add(pipe_.get(), EPOLLIN, *this);
    }
    ~Drain() override {
        if (pipe_) runner_.loop_.remove(pipe_.get(), *this);
    }
    void on_ready(std::uint32_t) override {
        if (!throw_away(pipe_.get())) return;
        runner_.drains_.remove_if([this](const Drain& drain) { return &drain == this; });
    }

  private:
    LocalRunner& runner_;
    system::Descriptor pipe_;
};

struct LocalRunner::Child {
    std::uint64_t slot;
    std::uint64_t number;  // of all that were started
    pid_t pid;
    std::size_t entry;  // in the guard's table
    double wall_start;
    system::Time since;
    Channel output;
    Channel error;
    // Once it is being ended: its family, as far as it has been seen. The job has ended when nobody of that is left.
    std::vector<pid_t> family = {};
    std::optional<process::Ending> ending = std::nullopt;  // of the process itself
    double seconds = 0;
};

LocalRunner::Capture LocalRunner::capture_for(const RunSettings& settings) {
    using Grouping = RunSettings::Grouping;
    if (settings.grouping == Grouping::whole || !settings.results.empty()) return Capture::grouped;
    return settings.grouping == Grouping::lines ? Capture::streamed : Capture::none;
}

LocalRunner::LocalRunner(const RunSettings& settings, const RunnerContext& context)
    : shell_(usable(settings.shell)),
      capture_(capture_for(settings)),
      nice_(settings.nice),
      oom_score_adj_(settings.oom_score_adj),
      context_(context),
      loop_(context.loop),
      store_(context.store),
      listener_(context.listener),
      file_limit_(system::raise_file_limit().soft_before),
      guard_(settings.policy.ladder, context.job_log ? std::vector<int>{*context.job_log} : std::vector<int>{},
             context.lease),
      environment_(environment_settings(settings)),
      null_(system::open_file("/dev/null", O_RDONLY)),
      usable_cpus_(settings.usable_cpus),
      slots_(settings.policy.slots),
      gate_(settings.gate, settings.usable_cpus),
      held_since_(system::Clock::now()) {
    process::adopt_orphans();
    if (gate_.active()) gate_keeper_.emplace(loop_, Gate::interval, [this] { look_at_machine(); });
}

LocalRunner::~LocalRunner() {
    // Empty, but where a fault struck between a job's start and the news of it.
    if (!by_slot_.empty()) end_all();
    for (auto& [slot, child] : by_slot_) {
        child->output.close();
        child->error.close();
    }
}

void LocalRunner::look_at_machine() {
    const bool was_open = gate_.open();
    gate_.look();
    if (gate_.open() != was_open) listener_.on_slots(*slots());
    tell_where_held();
    if (!gate_.desperate() || by_slot_.size() < 2) return;
    const auto youngest = std::max_element(by_slot_.begin(), by_slot_.end(), [](const auto& a, const auto& b) {
        return a.second->number < b.second->number;
    });
    listener_.on_short_memory(youngest->first);
}

// Whoever waits for the first job is told what it waits for.
void LocalRunner::tell_where_held() {
    const system::Time now = system::Clock::now();
    if (gate_.open() || !by_slot_.empty()) {
        held_since_ = now;
        held_is_told_ = false;
    } else if (!held_is_told_ && now - held_since_ >= long_held) {
        held_is_told_ = true;
        listener_.on_news(fmt::format("no job is started: {}", gate_.why()));
    }
}

void LocalRunner::set_jobs(const std::string& jobs) {
    slots_ = parse_jobs(jobs, usable_cpus_).value();
    listener_.on_slots(*slots());
}

std::optional<LocalRunner::Pipes> LocalRunner::make_pipes() {
    if (capture_ == Capture::none) return Pipes{};
    for (;;) {
        try {
            Pipes pipes{system::make_pipe(), system::make_pipe()};
            return pipes;
        } catch (const system::SystemError& error) {
            if (error.error() != EMFILE && error.error() != ENFILE) throw;
            // A job's own pipes come before those of what earlier jobs left behind.
            if (drains_.empty()) {
                refusal_ = error.error();
                return std::nullopt;
            }
            drains_.pop_front();
        }
    }
}

Runner::Started LocalRunner::start(const Job& job) {
    std::optional<Pipes> pipes = make_pipes();
    if (!pipes) return Started::later;
    std::size_t entry = guard_.enlist();
    SpawnPlan plan;
    plan.environment = environment_.of_job(job);
    plan.input = null_.get();
    plan.output = pipes->output.write.get();
    plan.error = pipes->error.write.get();
    plan.directory = job.directory.empty() ? nullptr : job.directory.c_str();
    plan.nice = nice_;
    if (!oom_score_adj_.empty()) plan.oom_score_adj = oom_score_adj_.c_str();
    plan.signal_mask = &context_.signal_mask;
    plan.default_write_signals = true;
    plan.file_limit = file_limit_;
    plan.group_record = guard_.record(entry);
    const double wall_start = wall_clock();
    const system::Time since = system::Clock::now();
    Spawned spawned = spawn_command(job, plan);
    if (spawned.pid < 0) {
        guard_.discharge(entry);
        refusal_ = spawned.error;
        if (spawned.error == EAGAIN || spawned.error == ENOMEM) return Started::later;
        throw system::SystemError(spawned.error, "cannot start jobs");
    }
    auto child = std::make_unique<Child>(Child{job.slot, started_++, spawned.pid, entry, wall_start, since,
                                               Channel(*this, job.slot, Stream::output, std::move(pipes->output.read)),
                                               Channel(*this, job.slot, Stream::error, std::move(pipes->error.read))});
    Child& placed = *child;
    by_pid_[spawned.pid] = child.get();
    by_slot_[job.slot] = std::move(child);
    watch(placed.output);
    watch(placed.error);
    return Started::yes;
}

Spawned LocalRunner::spawn_command(const Job& job, SpawnPlan& plan) {
    if (shell_.may_be_left_out) {
        if (auto words = split_simple_command(job.line)) {
            std::string& command = words->front();
            std::optional<std::string> path =
                command.find('/') != std::string::npos ? std::optional(command) : command_path_.find(command);
            if (path) {
                std::vector<const char*> arguments;
                for (const std::string& word : *words) arguments.push_back(word.c_str());
                arguments.push_back(nullptr);
                plan.path = path->c_str();
                plan.arguments = arguments.data();
                Spawned spawned = system::spawn(plan);
                // Not found, not executable, no format that the kernel knows: the shell knows more, or words it well.
                if (spawned.pid > 0 || spawned.stage != Spawned::Stage::exec) return spawned;
            }
        }
    }
    Spawned spawned = spawn_shell(job.line, plan);
    if (spawned.pid > 0 || spawned.stage == Spawned::Stage::fork) return spawned;
    if (spawned.stage == Spawned::Stage::directory) {
        std::string message = fmt::format("cannot run in '{}': {}", job.directory, system::reason(spawned.error));
        plan.directory = nullptr;
        return spawn_explanation(message, 125, plan);
    }
    std::string what = spawned.error == E2BIG ? fmt::format("a command line of {} bytes", job.line.size())
                                              : fmt::format("the shell '{}'", shell_.path);
    return spawn_explanation(fmt::format("cannot run {}: {}", what, system::reason(spawned.error)),
                             spawned.error == ENOENT ? 127 : 126, plan);
}

Spawned LocalRunner::spawn_shell(const std::string& line, SpawnPlan& plan) {
    const std::string text = shell_.text_of(line);
    const char* arguments[] = {shell_.path.c_str(), "-c", text.c_str(), nullptr};
    plan.path = shell_.path.c_str();
    plan.arguments = arguments;
    return system::spawn(plan);
}

// A job that cannot even start still is a job: it ends with a status and a word on its standard error.
Spawned LocalRunner::spawn_explanation(const std::string& message, int status, SpawnPlan& plan) {
    std::string number = std::to_string(status);
    const char* arguments[] = {
        "/bin/sh",      "-c",   "printf 'haid: %s\\n' \"$1\" >&2; exit \"$2\"", "haid", message.c_str(),
        number.c_str(), nullptr};
    plan.path = "/bin/sh";
    plan.arguments = arguments;
    return system::spawn(plan);
}

void LocalRunner::watch(Channel& channel) {
    if (!channel.pipe() || channel.watched || (paused_ && capture_ == Capture::streamed)) return;
    loop_.add(channel.pipe().get(), EPOLLIN, channel);
    channel.watched = true;
}

void LocalRunner::unwatch(Channel& channel) {
    if (channel.watched) loop_.remove(channel.pipe().get(), channel);
    channel.watched = false;
}

void LocalRunner::pause_output(bool paused) {
    if (paused == paused_ || capture_ != Capture::streamed) return;
    paused_ = paused;
    for (auto& [slot, child] : by_slot_) {
        for (Channel* channel : {&child->output, &child->error}) paused ? unwatch(*channel) : watch(*channel);
    }
}

void LocalRunner::signal(std::span<const std::uint64_t> slots, int number) {
    std::vector<Child*> children;
    std::vector<pid_t> everybody;
    for (std::uint64_t slot : slots) {
        auto found = by_slot_.find(slot);
        if (found == by_slot_.end()) continue;
        Child& child = *found->second;
        if (child.family.empty()) child.family = {child.pid};
        children.push_back(&child);
        everybody.insert(everybody.end(), child.family.begin(), child.family.end());
    }
    if (children.empty()) return;
    if (number != 0) {
        const auto members = process::signal_families(everybody, number);
        for (Child* child : children) process::remember(child->family, members);
    }
    for (Child* child : children) {
        if (child->ending && (number == 0 || !process::any_left(child->family))) conclude(*child);
    }
}

void LocalRunner::end_all() {
    std::vector<pid_t> leaders;
    for (const auto& [slot, child] : by_slot_) {
        leaders.push_back(child->pid);
        leaders.insert(leaders.end(), child->family.begin(), child->family.end());
    }
    process::signal_families(leaders, SIGKILL);
    for (const auto& [pid, child] : by_pid_) {
        system::uninterrupted([&, leader = pid] { return ::waitpid(leader, nullptr, 0); });
    }
}

void LocalRunner::signal_groups(int number) {
    for (const auto& [slot, child] : by_slot_) ::kill(-child->pid, number);
    for (const LeftBehind& left : left_behind_) ::kill(-left.leader, number);
}

void LocalRunner::reap() {
    while (auto ending = process::reap()) {
        if (ending->stopped && ending->pid == guard_.pid()) {
            guard_.was_stopped();
            continue;
        }
        if (guard_.replaced(ending->pid)) continue;
        auto child = by_pid_.find(ending->pid);
        if (ending->stopped) {
            bool by_terminal = ending->signal == SIGTTIN || ending->signal == SIGTTOU;
            if (by_terminal && child != by_pid_.end()) listener_.on_stopped_by_terminal(child->second->slot);
            continue;
        }
        if (child != by_pid_.end()) {
            process_ended(*child->second, *ending);
        } else {
            // An orphan; it may have left orphans of its own.
            find_left_behind();
            check_left_behind();
        }
    }
    conclude_those_that_are_gone();
}

void LocalRunner::process_ended(Child& child, const process::Ending& ending) {
    by_pid_.erase(child.pid);
    child.ending = ending;
    child.seconds = std::chrono::duration<double>(system::Clock::now() - child.since).count();
    if (child.family.empty() || !process::any_left(child.family)) return conclude(child);
    ending_.push_back(child.slot);
    find_left_behind();
}

// Who is left when a job's process has ended is a child of ours, or descends from one: each end is told by SIGCHLD.
void LocalRunner::conclude_those_that_are_gone() {
    for (const std::uint64_t slot : std::vector(ending_)) {
        Child& child = *by_slot_.at(slot);
        if (!process::any_left(child.family)) conclude(child);
    }
}

void LocalRunner::conclude(Child& child) {
    auto node = by_slot_.extract(child.slot);
    std::erase(ending_, child.slot);
    std::exception_ptr fault;
    bool somebody_writes = capture_ == Capture::none;
    for (Channel* channel : {&child.output, &child.error}) {
        try {
            channel->take_rest();
        } catch (...) {
            // Where the rest cannot be kept, the job has ended nevertheless, and that is to be told first.
            fault = std::current_exception();
        }
        somebody_writes = somebody_writes || channel->pipe();
        keep_draining(*channel);
    }
    if (::kill(-child.pid, 0) == 0) {
        left_behind_.push_back({child.pid, child.entry});
    } else {
        guard_.discharge(child.entry);
    }
    if (somebody_writes) find_left_behind();
    listener_.on_ended(child.slot, {*child.ending,
                                    child.wall_start,
                                    child.seconds,
                                    {},
                                    std::move(child.output.spool()),
                                    std::move(child.error.spool())});
    if (fault) std::rethrow_exception(fault);
}

void LocalRunner::keep_draining(Channel& channel) {
    if (!channel.pipe()) return;
    unwatch(channel);
    drains_.emplace_back(*this, std::move(channel.pipe()));
}

// Orphans are our children now (see process::adopt_orphans), and still ours to end when the program is killed. They are
// known by their own number, for one that was started by `setsid` may be about to leave the job's group.
void LocalRunner::find_left_behind() {
    std::istringstream children(system::read_small_file(fmt::format("/proc/self/task/{}/children", ::getpid())));
    for (pid_t pid; children >> pid;) {
        bool known = pid == guard_.pid() || by_pid_.contains(pid) ||
                     std::any_of(left_behind_.begin(), left_behind_.end(),
                                 [&](const LeftBehind& left) { return left.leader == pid; });
        if (known) continue;
        std::size_t entry = guard_.enlist();
        guard_.record(entry)->store(pid);
        left_behind_.push_back({pid, entry});
    }
}

void LocalRunner::check_left_behind() {
    std::erase_if(left_behind_, [&](const LeftBehind& left) {
        if (::kill(-left.leader, 0) == 0 || ::kill(left.leader, 0) == 0) return false;
        guard_.discharge(left.entry);
        return true;
    });
}

}  // namespace haid::command
