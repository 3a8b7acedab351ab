#include "command/run.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "command/jobs_number.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

using schedule::Cause;
using schedule::Schedule;
using system::Clock;
using system::Time;

// Where something is due some time, the loop looks so often, and so sees that this process stood still (it was stopped,
// its container frozen, the machine asleep). Two wakings a second are some 20 us of a CPU.
constexpr std::chrono::milliseconds beat{500};

// Taking the progress line away is worth no more than that, where the terminal takes nothing.
constexpr std::chrono::milliseconds patience_at_the_end{1000};

OutputSettings output_settings(const RunSettings& settings) {
    bool shows = settings.show_command || settings.dry_run;
    return {settings.keep_order, settings.grouping == RunSettings::Grouping::lines && settings.results.empty(), shows};
}

}  // namespace

Run::Run(RunSettings settings, Observer& observer, const MakeRunner& make_runner)
    : settings_(std::move(settings)),
      observer_(observer),
      store_(settings_.temporary_folder, settings_.output_memory),
      supply_(
          settings_, store_, loop_, [this] { on_prepared(); }, [this](const std::string& text) { say(text); }),
      kept_(settings_, [this](const std::string& text) { say(text); }),
      signals_({SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGUSR1}),
      printer_(loop_, store_),
      output_(output_settings(settings_), printer_, store_,
              [this](const FinishedJob& finished) { endings_.delivered(finished); }),
      running_(output_, settings_.policy.attempts),
      runner_(make_runner(settings_, {loop_, store_, *this, signals_.mask_before(),
                                      kept_.log() && !settings_.dry_run ? std::optional<int>(kept_.log()->descriptor())
                                                                        : std::nullopt})),
      schedule_(settings_.policy),
      exit_status_(settings_.policy.halt, settings_.as_parallel),
      endings_({settings_, schedule_, running_, supply_, output_, exit_status_,
                [this](const std::string& text) { say(text); }}),
      interrupts_(settings_.as_parallel) {
    ::signal(SIGPIPE, SIG_IGN);
    loop_.add(signals_.fd(), EPOLLIN, *this);
    if (auto slots = runner_->slots()) schedule_.set_slots(*slots);
    if (settings_.resume == Resume::retry_failed) supply_.source().use_commands(kept_.log()->failed_commands());
    supply_.source().on_skip([this](std::uint64_t sequence) { output_.gone(sequence); });
    if (settings_.dry_run) return;  // what is not run has no ending
    if (settings_.prints_job_log()) printed_log_.emplace(printer_);
    endings_.add(observer_);
    if (JobLog* log = kept_.log()) endings_.add(*log);
    if (printed_log_) endings_.add(*printed_log_);
}

Run::~Run() = default;

int Run::execute() {
    started_ = Clock::now();
    try {
        loop();
    } catch (const system::SystemError& error) {
        // Whoever read our output has gone: that is no fault worth a word, and SIGPIPE is what others would die of.
        bool reader_gone = error.error() == EPIPE;
        fail(reader_gone ? "" : error.what(), reader_gone ? 128 + SIGPIPE : 255);
    } catch (const std::exception& error) {
        fail(error.what(), 255);
    }
    if (exit_status_.has_fault()) wind_down();
    runner_->finish();
    tell_end();
    return exit_status_.value(schedule_.tally());
}

void Run::loop() {
    for (;;) {
        Time now = Clock::now();
        endings_.end_doubts(now);
        schedule_.hold(output_.congested());
        start_jobs();
        send_due_signals();
        if (schedule_.out_of_time() && !told_time_is_up_) tell_time_is_up();
        if (schedule_.finished()) {
            output_.flush();
            if (printer_.idle()) return;
        }
        runner_->pause_output(printer_.congested());
        if (auto look = observer_.next_look(); look && *look <= now) show(observer_.look(status(now)));
        std::optional<Time> until = next_event();
        if (schedule_.next()) until = std::min(*until, now + beat);
        loop_.wait(until);
        // It woke much later than it asked for: nothing of that is a job's time.
        if (until && Clock::now() - *until > beat) schedule_.suspended(Clock::now() - *until);
    }
}

std::optional<Time> Run::next_event() const {
    std::optional<Time> first;
    for (const std::optional<Time>& one : {schedule_.next(), observer_.next_look(), endings_.next_doubt()}) {
        if (one) first = first ? std::min(*first, *one) : *one;
    }
    return first;
}

// -- starting

// Where the names of columns are known, and nothing has been started.
void Run::on_prepared() {
    kept_.prepare(supply_.source(), printer_);
    if (!settings_.dry_run) output_.use_results(kept_.results());
    if (settings_.policy.halt.needs_total() || settings_.input.read_ahead) {
        if (auto total = supply_.total(0)) schedule_.set_total(*total);
    }
}

bool Run::have_input() {
    try {
        if (supply_.look()) return true;
    } catch (const InputError& error) {
        refuse(error);
    }
    if (supply_.ended()) schedule_.input_ended();
    return false;
}

void Run::refuse(const InputError& error) {
    exit_status_.fault(255);
    say(fmt::format("error: {}", error.what()));
    schedule_.stop_starting();
}

void Run::start_jobs() {
    if (schedule_.stopping()) return;
    have_input();
    while (auto permit = schedule_.permit(Clock::now(), supply_.has_new())) {
        if (!start_one(*permit)) break;
        if (output_.congested()) break;
        have_input();
        if (schedule_.stopping()) break;
    }
}

void Run::tell_time_is_up() {
    told_time_is_up_ = true;
    exit_status_.out_of_time();
    exit_status_.left_jobs();
    const auto left = *settings_.policy.closing.at - Clock::now();
    std::string text = fmt::format("the time is up: {:.0f} s are left", std::max(schedule::seconds(left), 0.0));
    if (schedule_.expected() > schedule::Duration::zero()) {
        text += fmt::format(", and a job takes up to {:.3g} s", schedule::seconds(schedule_.expected()));
    }
    text += fmt::format("; no more are started, {} still run(s)", schedule_.running());
    if (kept_.log()) text += "; --resume goes on from the log";
    say(text);
}

bool Run::start_one(const Schedule::Permit& permit) {
    Job job;
    try {
        job = supply_.make(permit);
    } catch (const InputError& error) {
        schedule_.withdrawn(permit, Clock::now());
        refuse(error);
        return false;
    }
    if (settings_.dry_run) {
        run_dry(permit, std::move(job));
        return true;
    }
    if (!job.directory.empty()) {
        std::error_code ignored;  // the job itself says so where it cannot be used
        std::filesystem::create_directories(job.directory, ignored);
    }
    kept_.place(job);
    Time now = Clock::now();
    if (settings_.grouping == RunSettings::Grouping::none && settings_.show_command && kept_.results() == nullptr) {
        printer_.print(Stream::output, job.line + "\n");
    }
    const Runner::Started how = runner_->start(job);
    if (how == Runner::Started::elsewhere) {
        supply_.put_back(permit, std::move(job));
        schedule_.postponed(permit);
        return true;
    }
    if (how == Runner::Started::later) {
        supply_.put_back(permit, std::move(job));
        schedule_.withdrawn(permit, now + StartPatience::try_again);
        start_patience_.refused(now, runner_->refusal(), schedule_.running() > 0);
        return false;
    }
    start_patience_.started();
    supply_.started(permit);
    schedule_.started(permit, job.sequence, now, job.attempts);
    const Job& running = running_.started(std::move(job), permit.attempt, now);
    output_.started(running, supply_.source().tag_of(running));
    if (settings_.trace) say_line(running.line);
    return true;
}

void Run::run_dry(const Schedule::Permit& permit, Job job) {
    Time now = Clock::now();
    supply_.started(permit);
    output_.started(job, supply_.source().tag_of(job));
    schedule_.started(permit, job.sequence, now);
    schedule_.ended(permit.slot, true, now);
    output_.finished({std::move(job), {{}, 0, 0, {}, system::Spool(store_), system::Spool(store_)}});
}

void Run::send_due_signals() {
    // What has ended comes before what is due: where this process stood still, both have been waiting.
    if (auto next = schedule_.next(); next && *next <= Clock::now()) loop_.wait(Clock::now());
    Time now = Clock::now();
    std::map<int, std::vector<std::uint64_t>> by_number;
    for (const Schedule::Signal& signal : schedule_.due(now)) {
        by_number[signal.number].push_back(signal.slot);
        const RunningJobs::One* running = running_.find(signal.slot);
        if (!signal.first || running == nullptr) continue;
        const Job& job = running->job;
        if (signal.cause == Cause::timeout) {
            say(fmt::format("job {} was ended because it took too long ({:.3g} s): {}", job.sequence,
                            schedule::seconds(now - running->since), job.line));
        } else if (signal.cause == Cause::memory) {
            say(fmt::format("job {} was ended because memory is short; it will be run again: {}", job.sequence,
                            job.line));
        }
    }
    for (const auto& [number, slots] : by_number) runner_->signal(slots, number);
}

// -- what happened

void Run::on_stopped_by_terminal(std::uint64_t slot) {
    // Nobody will ever continue it: jobs are in the background of the terminal.
    const RunningJobs::One* running = running_.find(slot);
    if (running == nullptr) return;
    say(fmt::format("job {} is ended: it wants to use the terminal, which jobs cannot: {}", running->job.sequence,
                    running->job.line));
    schedule_.end_one(slot, Cause::terminal, Clock::now());
}

void Run::on_ended(std::uint64_t slot, JobEnd end) {
    endings_.ended(slot, std::move(end));
    read_slots_file();
}

void Run::on_lost(std::uint64_t slot, const std::string& host) {
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    JobEnd end{{}, now.count(), 0, host, system::Spool(store_), system::Spool(store_)};
    end.ending.signal = SIGKILL;  // what became of it there
    endings_.lost(slot, std::move(end));
    read_slots_file();
}

void Run::read_slots_file() {
    if (settings_.slots_file.empty()) return;
    std::string text = system::read_small_file(settings_.slots_file);
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    // One that is being written may be empty at this moment.
    if (text == settings_.jobs || !parse_jobs(text, settings_.usable_cpus)) return;
    settings_.jobs = text;
    runner_->set_jobs(text);
}

// -- signals

void Run::on_ready(std::uint32_t) {
    bool children = false;
    while (auto signal = signals_.next()) {
        switch (*signal) {
            case SIGCHLD:
                children = true;
                break;
            case SIGTSTP:
                suspend();
                break;
            case SIGCONT:
                runner_->signal_groups(SIGCONT);
                break;
            case SIGUSR1:
                list_running();
                break;
            default:
                on_interrupt(*signal);
        }
    }
    if (children) runner_->reap();
}

void Run::on_interrupt(int signal) {
    const Time now = Clock::now();
    const Interrupts::Asks asks = interrupts_.take(signal, now);
    if (asks == Interrupts::Asks::nothing) return;
    exit_status_.interrupted(signal);
    if (supply_.any_left()) exit_status_.left_jobs();
    if (asks == Interrupts::Asks::end) {
        if (schedule_.running() > 0) exit_status_.left_jobs();
        say(fmt::format("{}: ending {} running job(s)", system::signal_name(signal), schedule_.running()));
        schedule_.end_all(now);
        endings_.end_doubts(Time::max());
        // Only somebody who takes no output is waited for: what has not been delivered is not logged.
        if (schedule_.running() == 0 && !printer_.idle()) {
            if (!told_end_) exit_status_.left_jobs();
            printer_.give_up();
        }
        return;
    }
    schedule_.stop_starting();
    if (schedule_.running() == 0) return;
    say(fmt::format("{}: no new jobs are started; waiting for {} to end ({} ends them now)",
                    system::signal_name(signal), schedule_.running(),
                    signal == SIGINT ? "Ctrl-C once more" : "SIGTERM"));
    list_running();
}

// The terminal stops its foreground group; the jobs have groups of their own and are stopped by us.
void Run::suspend() {
    runner_->signal_groups(SIGTSTP);
    printer_.clear_line(std::chrono::milliseconds(0));
    Time before = Clock::now();
    ::raise(SIGSTOP);
    schedule_.suspended(Clock::now() - before);
}

void Run::list_running() {
    for (const std::string& line : running_.list(Clock::now())) say(line);
}

// -- the end

void Run::fail(const std::string& message, int status) {
    exit_status_.fault(status);
    printer_.abandon();
    runner_->discard_output();
    if (!message.empty()) printer_.tell(fmt::format("{}: error: {}\n", settings_.program_name, message));
}

// Ends what runs, and waits for it.
void Run::wind_down() {
    schedule_.end_all(Clock::now());
    while (schedule_.running() > 0) {  // a slot may be taken for a job that could not be started
        try {
            // A fault may have come up while the endings of several jobs were being told: no signal comes for the rest.
            endings_.end_doubts(Time::max());
            runner_->reap();
            if (schedule_.running() == 0) break;
            send_due_signals();
            // Whoever is left when the ladder has ended is looked for again: news may have been lost with the fault.
            const Time look = Clock::now() + beat;
            loop_.wait(std::min(schedule_.next().value_or(look), look));
        } catch (const std::exception&) {
            // The fault has been told; what matters now is that nothing stays behind.
            printer_.abandon();
        }
    }
}

void Run::show(const Shown& shown) {
    if (!shown.stays) return printer_.show(shown.text);
    if (printer_.idle()) printer_.print(Stream::error, shown.text + "\n");
}

// The last words wait for whoever reads them until a signal says that nobody does.
void Run::tell_end() {
    told_end_ = true;
    try {
        endings_.tell_undelivered();
        printer_.tell(observer_.on_finish(status(Clock::now())));
        while (!printer_.idle()) loop_.wait(std::nullopt);
    } catch (const std::exception&) {
        printer_.give_up();
    }
    printer_.clear_line(patience_at_the_end);
}

Status Run::status(Time now) {
    const schedule::Tally& tally = schedule_.tally();
    Status status;
    status.total = supply_.total(tally.started);
    status.done = tally.done();
    status.failed = tally.failed;
    status.running = schedule_.running();
    status.skipped = supply_.source().skipped();
    status.typing = supply_.typing();
    status.since = started_;
    status.now = now;
    return status;
}

void Run::say(const std::string& text) {
    printer_.tell(fmt::format("{}: {}\n", settings_.program_name, text));
}

void Run::say_line(const std::string& line) {
    printer_.print(Stream::error, line + "\n");
}

}  // namespace haid::command
