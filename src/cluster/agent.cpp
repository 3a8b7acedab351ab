#include "cluster/agent.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "cluster/orphan.hpp"
#include "command/jobs_number.hpp"
#include "command/output/results.hpp"
#include "nodes/lease.hpp"
#include "nodes/node_environment.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"
#include "system/resources.hpp"
#include "system/tell.hpp"

namespace haid::cluster {

using system::Clock;
using system::Time;

namespace {

constexpr std::chrono::milliseconds tick_every{500};
// Jobs that are being ended are looked after so often.
constexpr std::chrono::milliseconds look_again{50};
// As much is prepared for the network as it takes at once.
constexpr std::size_t enough_waiting = 1024 * 1024;
constexpr std::size_t one_piece = 64 * 1024;
// Jobs get so long to end by themselves where Slurm ends the agent; Slurm's KillWait is 30 s unless a centre says less.
constexpr std::chrono::seconds gentle_end{2};
constexpr std::chrono::seconds last_words_take{5};

// Where memory runs out, a job is ended rather than its agent, which would take all jobs of the node along: as if it
// had a tenth of the memory more (proc(5)).
std::string score_of_jobs() {
    constexpr int more = 100;
    constexpr int most = 1000;
    return std::to_string(
        std::min(std::atoi(system::read_small_file("/proc/self/oom_score_adj").c_str()) + more, most));
}

command::RunSettings run_settings(const Welcome& welcome, int cpus, std::uint64_t slots) {
    command::RunSettings settings;
    settings.shell.path = welcome.shell;
    settings.shell.style = static_cast<command::QuoteStyle>(welcome.shell_style);
    settings.shell.may_be_left_out = welcome.shell_may_be_left_out;
    settings.shell.prologue = welcome.shell_prologue;
    settings.usable_cpus = cpus;
    settings.policy.slots = slots;
    settings.cpus_per_job = welcome.cpus_per_job;
    settings.gate = {welcome.most_load, welcome.least_free_memory};
    settings.limit_threads = welcome.limit_threads;
    settings.slot_variable = welcome.slot_variable;
    settings.seed = welcome.seed;
    if (welcome.nice_given) settings.nice = welcome.nice;
    settings.grouping = static_cast<command::RunSettings::Grouping>(welcome.grouping);
    settings.temporary_folder = welcome.temporary_folder;
    settings.oom_score_adj = score_of_jobs();
    return settings;
}

}  // namespace

Agent::Agent(const AgentSettings& settings)
    : settings_(settings),
      signals_({SIGCHLD, SIGTERM, SIGINT, SIGHUP}),
      secret_(nodes::Secret::read(settings.secret_file)),
      signs_of_life_(Clock::now()) {
    ::signal(SIGPIPE, SIG_IGN);
    loop_.add(signals_.fd(), EPOLLIN, *this);
    nodes::Connection::Listener& listener = *this;
    connection_ = std::make_unique<nodes::Connection>(loop_, nodes::connect_to_any(settings_.addresses), secret_,
                                                      nodes::Connection::Side::agent, listener);
    ticker_.emplace(loop_, tick_every, [this] { tick(); });
    send(nodes::Hello{protocol_version, settings_.version, {}, settings_.node, ::getpid()});
}

Agent::~Agent() {
    loop_.remove(signals_.fd(), *this);
}

bool Agent::execute() {
    while (!goodbye_ && !leaving_) {
        try {
            start_waiting();
            send_output();
            std::optional<Time> until;
            if (!waiting_.empty()) until = Clock::now() + command::StartPatience::try_again;
            loop_.wait(until);
        } catch (const std::exception& error) {
            leave(error.what());
        }
    }
    end_jobs();
    if (goodbye_) return true;
    if (!gently_ || !connected_) system::tell("haid: agent on {}: {}\n", settings_.node, *leaving_);
    if (silence_) free_allocation_if_lost(settings_.node, until_done_, [this](auto time) { return rest(time); });
    if (!connected_) return false;
    send(Leaving{*leaving_, gently_});
    const Time until = Clock::now() + last_words_take;
    while (connected_ && connection_->waiting() > 0 && Clock::now() < until) loop_.wait(until);
    return gently_;  // srun would complain about it
}

// False where Slurm ends this process meanwhile, or the other end of the connection turns out to be there.
bool Agent::rest(std::chrono::seconds time) {
    ticker_.reset();
    const Time until = Clock::now() + time;
    while (!gently_ && connected_ && Clock::now() < until) {
        try {
            loop_.wait(until);
        } catch (const std::exception&) {
            // Nothing runs here any more that a fault could concern.
        }
    }
    return !gently_ && connected_;
}

void Agent::leave(const std::string& reason) {
    if (!leaving_) leaving_ = reason;
}

// Until none is left.
void Agent::end_jobs() {
    if (!runner_) return;
    runner_->discard_output();
    const Time gently_until = Clock::now() + (gently_ ? gentle_end : std::chrono::seconds(0));
    bool first = true;
    while (!running_.empty()) {
        try {
            std::vector<std::uint64_t> slots;
            slots.reserve(running_.size());
            for (const auto& [slot, running] : running_) slots.push_back(slot);
            const Time now = Clock::now();
            if (now >= gently_until || first) runner_->signal(slots, now >= gently_until ? SIGKILL : SIGTERM);
            first = false;
            runner_->reap();
            if (!running_.empty()) loop_.wait(Clock::now() + look_again);
        } catch (const std::exception&) {
            // Whatever else fails, the jobs end.
        }
    }
}

// -- what the coordinator says

void Agent::on_messages(Decoder& from) {
    nodes::for_each_message<OfCoordinator>(from, [&](OfCoordinator&& message) {
        std::visit([&](auto& one) { take(one); }, message);
        return !goodbye_ && !leaving_;
    });
}

void Agent::on_closed(const std::string& reason) {
    connected_ = false;
    leave(fmt::format("the coordinator of the run is gone: {}", reason));
}

void Agent::take(Welcome& welcome) {
    if (runner_) return;
    if (::chdir(welcome.directory.c_str()) != 0) {
        return leave(
            fmt::format("the run's folder '{}' cannot be entered there: {}", welcome.directory, system::reason(errno)));
    }
    until_done_ = welcome.until_done;
    cpus_ = system::cpu_resources(system::ResourceFacts::of_this_process()).usable;
    const std::uint64_t slots = command::jobs_at_a_time(welcome.jobs, welcome.cpus_per_job, cpus_);
    nodes::use_environment(std::move(welcome.environment), settings_.node);
    if (::access(welcome.temporary_folder.c_str(), W_OK | X_OK) != 0) welcome.temporary_folder = "/tmp";
    const command::RunSettings settings = run_settings(welcome, cpus_, slots);
    store_ = std::make_unique<system::SpoolStore>(settings.temporary_folder, settings.output_memory);
    const command::RunnerContext context{
        loop_, *store_, *this, signals_.mask_before(), std::nullopt, signs_of_life_.lease_end()};
    runner_ = std::make_unique<command::LocalRunner>(settings, context);
    on_slots(*runner_->slots());
}

void Agent::take(const Jobs& jobs) {
    if (runner_) runner_->set_jobs(jobs.jobs);
}

void Agent::take(const nodes::Refused& refused) {
    leave(fmt::format("the coordinator has no work for it: {}", refused.reason));
}

void Agent::take(Start& start) {
    command::Job job;
    job.sequence = start.sequence;
    job.slot = start.slot;
    job.line = std::move(start.line);
    job.directory = std::move(start.directory);
    if (start.results.size() == 3) job.results = {start.results[0], start.results[1], start.results[2]};
    waiting_.push_back(std::move(job));
}

void Agent::take(const Signal& signal) {
    // Those that have not begun need not begin any more.
    std::erase_if(waiting_, [&](const command::Job& job) {
        if (std::find(signal.slots.begin(), signal.slots.end(), job.slot) == signal.slots.end()) return false;
        send(Ended{job.slot, 0, signal.number, 0, 0, {}, {}});
        return true;
    });
    for (const std::uint64_t slot : signal.slots) {
        if (auto running = running_.find(slot); running != running_.end()) running->second.signalled = true;
    }
    if (runner_) runner_->signal(signal.slots, signal.number);
}

void Agent::take(const SignalGroups& signal) {
    suspended_ = signal.number == SIGTSTP;
    signs_of_life_.excused(Clock::now());
    if (!runner_) return;
    runner_->set_lease(suspended_ ? std::nullopt : std::optional(signs_of_life_.lease_end()));
    runner_->signal_groups(signal.number);
}

void Agent::take(const Credit& credit) {
    window_ += static_cast<std::int64_t>(credit.bytes);
    if (runner_ && window_ > 0) runner_->pause_output(false);
}

void Agent::take(const Discard&) {
    if (runner_) runner_->discard_output();
    for (Sending& one : sending_) {
        one.output = system::Spool(*store_);
        one.error = system::Spool(*store_);
    }
}

void Agent::take(const Goodbye&) {
    goodbye_ = true;
}

void Agent::take(const nodes::Beat& beat) {
    if (signs_of_life_.answered(beat.number) && runner_ && !suspended_) runner_->set_lease(signs_of_life_.lease_end());
}

// -- jobs

void Agent::start_waiting() {
    if (!runner_) return;
    while (!waiting_.empty()) {
        waiting_.front().node_slot = node_slots_.take();
        if (runner_->start(waiting_.front()) == command::Runner::Started::later) {
            node_slots_.give_back(waiting_.front().node_slot);
            return start_patience_.refused(Clock::now(), runner_->refusal(), !running_.empty());
        }
        start_patience_.started();
        command::Job& job = waiting_.front();
        running_.insert_or_assign(job.slot, Running{job.sequence, job.node_slot, std::move(job.results), false});
        waiting_.pop_front();
    }
}

void Agent::on_output(std::uint64_t slot, command::Stream stream, std::string_view data) {
    if (leaving_) return;
    send(Output{slot, static_cast<std::uint8_t>(stream), std::string(data)});
    window_ -= static_cast<std::int64_t>(data.size());
    if (window_ <= 0) runner_->pause_output(true);
}

void Agent::on_stopped_by_terminal(std::uint64_t slot) {
    send(StoppedByTerminal{slot});
}

void Agent::on_ended(std::uint64_t slot, command::JobEnd end) {
    const Running running = std::move(running_.extract(slot).mapped());
    node_slots_.give_back(running.node_slot);
    check_lease();  // the guard may have ended it
    if (leaving_) return;
    if (running.results) {
        end.kept = end.output.size();
        command::keep_in_files(*running.results, end.output, end.error);
        // Whether anything else is the job's end, or cut off, or tried again, is known to the coordinator: it marks
        // that.
        const bool succeeded = end.ending.exit_status == 0 && end.ending.signal == 0;
        if (succeeded && !running.signalled) command::mark_in_files(*running.results, {.which = running.sequence});
    }
    const Ended ended{slot,
                      end.ending.exit_status,
                      end.ending.signal,
                      end.start,
                      end.seconds,
                      end.kept,
                      std::bit_cast<decltype(Ended::usage)>(end.ending.usage)};
    if (end.output.empty() && end.error.empty()) return send(ended);
    sending_.push_back({ended, std::move(end.output), std::move(end.error)});
}

// A piece of each in turn, so that a small one does not wait for a large one.
void Agent::send_output() {
    while (window_ > 0 && !sending_.empty() && connection_->waiting() < enough_waiting) {
        Sending& one = sending_.front();
        const bool error = one.output.empty();
        std::string piece = (error ? one.error : one.output).take(one_piece);
        window_ -= static_cast<std::int64_t>(piece.size());
        const auto stream = error ? command::Stream::error : command::Stream::output;
        if (!piece.empty()) send(Output{one.ended.slot, static_cast<std::uint8_t>(stream), std::move(piece)});
        if (one.output.empty() && one.error.empty()) {
            send(one.ended);
            sending_.pop_front();
        } else {
            sending_.splice(sending_.end(), sending_, sending_.begin());
        }
    }
}

// -- signals and time

void Agent::on_ready(std::uint32_t) {
    bool children = false;
    while (auto signal = signals_.next()) {
        if (*signal == SIGCHLD) {
            children = true;
        } else {
            gently_ = true;
            ::signal(*signal, SIG_IGN);  // once more (Slurm sends it to steps and to processes), at whatever moment
            leave(fmt::format("it was told to end ({})", system::signal_name(*signal)));
        }
    }
    if (children && runner_) runner_->reap();
}

void Agent::check_lease() {
    const bool lapsed = signs_of_life_.lapsed(Clock::now());
    if (leaving_ || suspended_) return;
    if (lapsed) {
        silence_ = true;
        leave(fmt::format("not a word of the coordinator for {} s", nodes::lease.count()));
    } else if (runner_ && runner_->ended_for_want_of_lease()) {
        leave("its guard has ended its jobs, for it stood still and asked for no more time");
    }
}

void Agent::tick() {
    check_lease();
    std::uint64_t number = 0;
    if (signs_of_life_.due(Clock::now(), number)) send(nodes::Beat{number});
}

}  // namespace haid::cluster
