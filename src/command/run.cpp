#include "command/run.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "command/jobs_number.hpp"
#include "command/output/result_places.hpp"
#include "system/error.hpp"
#include "system/tell.hpp"

namespace haid::command {
namespace {

using schedule::Cause;
using schedule::Schedule;
using system::Clock;
using system::Time;

// Slurm ends a job by a SIGTERM to each of its processes, one after the other, on all nodes. A job that dies of it some
// moments before we are told must not be logged as one that has failed.
constexpr std::chrono::milliseconds doubt{300};

// Where something is due some time, the loop looks so often, and so sees that this process stood still (it was stopped,
// its container frozen, the machine asleep). Two wakings a second are some 20 us of a CPU.
constexpr std::chrono::milliseconds beat{500};

// A second SIGINT that comes sooner is the first one once more.
constexpr std::chrono::milliseconds echo{300};

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
      source_(settings_, store_),
      log_(open_log()),
      signals_({SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGUSR1}),
      printer_(loop_, store_),
      output_(output_settings(settings_), printer_, store_,
              [this](const FinishedJob& finished) { on_delivered(finished); }),
      runner_(
          make_runner(settings_, {loop_, store_, *this, signals_.mask_before(),
                                  log_ && !settings_.dry_run ? std::optional<int>(log_->descriptor()) : std::nullopt})),
      schedule_(settings_.policy),
      exit_status_(settings_.policy.halt, settings_.as_parallel),
      signal_events_([this] { on_signals(); }),
      input_events_([this] {
          loop_.remove(watched_input_, input_events_);
          watched_input_ = -1;
      }) {
    ::signal(SIGPIPE, SIG_IGN);
    loop_.add(signals_.fd(), EPOLLIN, signal_events_);
    if (auto slots = runner_->slots()) schedule_.set_slots(*slots);
    prepare_resume();
    // Nothing ends where nothing is run.
    if (settings_.dry_run) return;
    if (settings_.prints_job_log()) printed_log_.emplace(printer_);
    listeners_.push_back(&observer_);
    if (log_) listeners_.push_back(log_.get());
    if (printed_log_) listeners_.push_back(&*printed_log_);
}

Run::~Run() = default;

std::unique_ptr<JobLog> Run::open_log() const {
    if (settings_.job_log.empty() || settings_.prints_job_log()) return nullptr;
    if (settings_.dry_run) return JobLog::to_look_at(settings_.job_log, settings_.resume);
    return std::make_unique<JobLog>(settings_.job_log, settings_.resume, settings_.append_job_log, [this] {
        // The printer is not there yet, and nothing else prints.
        system::tell("{}: waiting for the run that still writes the job log '{}'\n", settings_.program_name,
                     settings_.job_log);
    });
}

void Run::prepare_resume() {
    if (settings_.resume == Resume::no) return;
    if (settings_.resume == Resume::retry_failed) return source_.use_commands(log_->failed_commands());
    source_.skip_where([this](const Job& job) { return already_done(job); });
    source_.on_skip([this](std::uint64_t sequence) { output_.gone(sequence); });
}

bool Run::already_done(const Job& job) {
    PastJobs* past = log_ ? &log_->past() : results_->past();
    if (past == nullptr) {
        const std::optional<bool> succeeded = results_->succeeded(job);
        return succeeded && (settings_.resume != Resume::failed || *succeeded);
    }
    const bool even_failed = settings_.resume != Resume::failed;
    if (source_.line_depends_on_slot()) {
        const PastJobs::Entry* entry = past->find(job.sequence);
        return entry != nullptr && (even_failed || entry->succeeded);
    }
    const bool differed = past->numbers_differ();
    const bool done = past->done(job.sequence, job.line, even_failed);
    if (!differed && past->numbers_differ()) {
        say(
            fmt::format("the {} has another command for job {} than '{}': from here on jobs are found in it by their "
                        "commands, and those that are not there are run",
                        log_ ? "job log" : "table", job.sequence, job.line));
    }
    return done;
}

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
        conclude_doubtful(now);
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
        std::optional<Time> until = schedule_.next();
        const auto doubtful = doubtful_.empty() ? std::nullopt : std::optional(doubtful_.front().until);
        for (std::optional<Time> other : {observer_.next_look(), doubtful}) {
            if (other) until = until ? std::min(*until, *other) : *other;
        }
        if (schedule_.next()) until = std::min(*until, now + beat);
        loop_.wait(until);
        // It woke much later than it asked for: nothing of that is a job's time.
        if (until && Clock::now() - *until > beat) schedule_.suspended(Clock::now() - *until);
    }
}

// -- starting

bool Run::have_input() {
    if (next_) return true;
    if (input_ended_ || watched_input_ >= 0) return false;
    try {
        if (!prepared_) {
            if (source_.prepare() == Pull::blocked) {
                wait_for_input();
                return false;
            }
            prepared_ = true;
            if (!settings_.results.empty()) open_results();
            if (settings_.policy.halt.needs_total() || settings_.input.read_ahead) {
                if (auto total = source_.total()) schedule_.set_total(*total);
            }
        }
        NextJob job;
        const Pull pull = source_.next(job);
        for (const std::string& warning : source_.take_warnings()) say(fmt::format("warning: {}", warning));
        switch (pull) {
            case Pull::value:
                next_ = std::move(job);
                return true;
            case Pull::blocked:
                wait_for_input();
                return false;
            case Pull::end:
                break;
        }
    } catch (const InputError& error) {
        exit_status_.fault(255);
        say(fmt::format("error: {}", error.what()));
        schedule_.stop_starting();
    }
    input_ended_ = true;
    schedule_.input_ended();
    return false;
}

void Run::open_results() {
    const Past past = settings_.dry_run ? Past::looked_at : settings_.resume == Resume::no ? Past::none : Past::goes_on;
    results_ = make_results(settings_.results, source_.strings(), printer_, past);
    if (!settings_.dry_run) output_.use_results(results_.get());
    ResultPlaces* places = results_->places();
    if (places != nullptr && !places->uses_slot()) {
        source_.place_results([this](const Job& job) { return place(job); });
    }
}

ResultPaths Run::place(const Job& job) {
    ResultPlaces::Place place = results_->places()->next(job);
    if (place.moved && !std::exchange(told_moved_results_, true)) {
        say(fmt::format("an earlier job has the same results as job {}, whose own are kept in '{}', and so on",
                        job.sequence, place.paths.output));
    }
    return std::move(place.paths);
}

void Run::wait_for_input() {
    watched_input_ = source_.descriptor();
    loop_.add(watched_input_, EPOLLIN, input_events_);
}

void Run::start_jobs() {
    if (schedule_.stopping()) return;
    if (!prepared_ || !next_) have_input();
    while (auto permit = schedule_.permit(Clock::now(), next_.has_value())) {
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
    if (log_) text += "; --resume goes on from the log";
    say(text);
}

bool Run::start_one(const Schedule::Permit& permit) {
    Job job;
    if (permit.again) {
        job = std::move(again_.extract(*permit.again).mapped());
        job.slot = permit.slot;
    } else {
        try {
            job = source_.make(*next_, permit.slot);
        } catch (const InputError& error) {
            schedule_.withdrawn(permit, Clock::now());
            schedule_.stop_starting();
            exit_status_.fault(255);
            say(fmt::format("error: {}", error.what()));
            return false;
        }
    }
    if (settings_.dry_run) {
        next_.reset();
        run_dry(permit, std::move(job));
        return true;
    }
    if (!job.directory.empty()) {
        std::error_code ignored;  // the job itself says so where it cannot be used
        std::filesystem::create_directories(job.directory, ignored);
    }
    // Where a place depends on the slot: that of the first start.
    if (results_ && results_->places() != nullptr && !job.results) next_->results = job.results = place(job);
    Time now = Clock::now();
    if (settings_.grouping == RunSettings::Grouping::none && settings_.show_command && results_ == nullptr) {
        printer_.print(Stream::output, job.line + "\n");
    }
    const Runner::Started how = runner_->start(job);
    if (how == Runner::Started::elsewhere) {
        again_.emplace(job.sequence, std::move(job));
        schedule_.postponed(permit);
        return true;
    }
    if (how == Runner::Started::later) {
        if (permit.again) again_.emplace(job.sequence, std::move(job));
        schedule_.withdrawn(permit, now + StartPatience::try_again);
        start_patience_.refused(now, runner_->refusal(), schedule_.running() > 0);
        return false;
    }
    start_patience_.started();
    if (!permit.again) next_.reset();
    schedule_.started(permit, job.sequence, now, job.attempts);
    Running& running =
        running_.insert_or_assign(permit.slot, Running{std::move(job), permit.attempt, now}).first->second;
    output_.started(running.job, source_.tag_of(running.job));
    if (settings_.trace) say_line(running.job.line);
    return true;
}

void Run::run_dry(const Schedule::Permit& permit, Job job) {
    Time now = Clock::now();
    output_.started(job, source_.tag_of(job));
    schedule_.started(permit, job.sequence, now);
    schedule_.ended(permit.slot, true, now);
    output_.finished({std::move(job), {{}, 0, 0, {}, system::Spool(store_), system::Spool(store_)}});
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

void Run::send_due_signals() {
    // What has ended comes before what is due: where this process stood still, both have been waiting.
    if (auto next = schedule_.next(); next && *next <= Clock::now()) loop_.wait(Clock::now());
    Time now = Clock::now();
    std::map<int, std::vector<std::uint64_t>> by_number;
    for (const Schedule::Signal& signal : schedule_.due(now)) {
        by_number[signal.number].push_back(signal.slot);
        auto running = running_.find(signal.slot);
        if (!signal.first || running == running_.end()) continue;
        const Job& job = running->second.job;
        if (signal.cause == Cause::timeout) {
            say(fmt::format("job {} was ended because it took too long ({:.3g} s): {}", job.sequence,
                            schedule::seconds(now - running->second.since), job.line));
        } else if (signal.cause == Cause::memory) {
            say(fmt::format("job {} was ended because memory is short; it will be run again: {}", job.sequence,
                            job.line));
        }
    }
    for (const auto& [number, slots] : by_number) runner_->signal(slots, number);
}

// -- what happened

void Run::on_output(std::uint64_t slot, Stream stream, std::string_view data) {
    auto running = running_.find(slot);
    if (running == running_.end()) return;
    if (stream == Stream::output) running->second.streamed_bytes += data.size();
    output_.streamed(running->second.job.sequence, stream, data);
}

bool Run::may_print_early(std::uint64_t slot, Stream stream) const {
    // The output of an attempt that fails is not printed if there is another attempt; errors come after the output.
    return running_.contains(slot) && stream == Stream::output &&
           running_.at(slot).job.attempts.value_or(settings_.policy.attempts) == 1;
}

void Run::on_much_output(std::uint64_t slot, Stream stream, system::Spool& data) {
    if (!may_print_early(slot, stream)) return;
    Running& running = running_.at(slot);
    std::uint64_t before = data.size();
    output_.offer(running.job.sequence, data);
    running.streamed_bytes += before - data.size();
}

std::optional<std::size_t> Run::on_readable(std::uint64_t slot, Stream stream, int pipe, std::size_t limit) {
    if (!may_print_early(slot, stream)) return std::nullopt;
    Running& running = running_.at(slot);
    auto passed = output_.pass_on(running.job.sequence, pipe, limit);
    running.streamed_bytes += passed.value_or(0);
    return passed;
}

void Run::on_stopped_by_terminal(std::uint64_t slot) {
    // Nobody will ever continue it: jobs are in the background of the terminal.
    auto running = running_.find(slot);
    if (running == running_.end()) return;
    say(fmt::format("job {} is ended: it wants to use the terminal, which jobs cannot: {}",
                    running->second.job.sequence, running->second.job.line));
    schedule_.end_one(slot, Cause::terminal, Clock::now());
}

void Run::on_lost(std::uint64_t slot, const std::string& host) {
    const bool stopping_before = schedule_.stopping();
    const Schedule::Verdict verdict = schedule_.lost(slot, Clock::now());
    if (verdict.next != Schedule::Verdict::Next::forget && verdict.used_attempt) {
        say(fmt::format("job {} ran on two nodes that were lost, which counts as a failure: {}",
                        running_.at(slot).job.sequence, running_.at(slot).job.line));
    }
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    JobEnd end{{}, now.count(), 0, host, system::Spool(store_), system::Spool(store_)};
    end.ending.signal = SIGKILL;  // what became of it there
    conclude(slot, std::move(end), verdict, stopping_before);
}

void Run::on_ended(std::uint64_t slot, JobEnd end) {
    const bool of_sigterm = end.ending.signal == SIGTERM || end.ending.exit_status == 128 + SIGTERM;
    if (!of_sigterm || schedule_.is_ending(slot)) return conclude(slot, std::move(end));
    doubtful_.push_back({Clock::now() + doubt, slot, std::move(end)});
}

void Run::conclude_doubtful(Time until) {
    while (!doubtful_.empty() && doubtful_.front().until <= until) {
        Doubtful one = std::move(doubtful_.front());
        doubtful_.pop_front();
        conclude(one.slot, std::move(one.end));
    }
}

void Run::conclude(std::uint64_t slot, JobEnd end) {
    const bool stopping_before = schedule_.stopping();
    const bool succeeded = end.ending.exit_status == 0 && end.ending.signal == 0;
    conclude(slot, std::move(end), schedule_.ended(slot, succeeded, Clock::now()), stopping_before);
}

void Run::conclude(std::uint64_t slot, JobEnd end, const Schedule::Verdict& verdict, bool stopping_before) {
    using Next = Schedule::Verdict::Next;
    Running running = std::move(running_.extract(slot).mapped());
    if (end.host.empty()) end.host = settings_.host;
    const std::uint64_t output_bytes = running.streamed_bytes + end.output.size() + end.kept.value_or(0);
    FinishedJob finished{std::move(running.job), std::move(end), running.attempt, verdict.cause, output_bytes};
    read_slots_file();
    switch (verdict.next) {
        case Next::again:
            return try_again(std::move(finished), verdict.used_attempt);
        case Next::forget:
            output_.gone(finished.job.sequence);
            exit_status_.left_jobs();
            finished.cause = Cause::stop;
            return tell(finished.ending());
        case Next::report:
            break;
    }
    if (settings_.policy.halt.active() && !stopping_before) judge_halt(finished);
    output_.finished(std::move(finished));
}

void Run::try_again(FinishedJob finished, bool used_attempt) {
    schedule::Ending ending = finished.ending();
    ending.again = true;
    tell(ending);
    Job& job = finished.job;
    const std::string& host = finished.end.host;
    const bool is_new = std::find(job.failed_on.begin(), job.failed_on.end(), host) == job.failed_on.end();
    if (used_attempt && is_new) job.failed_on.push_back(host);
    again_.insert_or_assign(job.sequence, std::move(job));
}

// It acts before the output is printed: the exit status is that of the ending that has met the condition.
void Run::judge_halt(const FinishedJob& finished) {
    const schedule::Halt& halt = settings_.policy.halt;
    const schedule::Ending ending = finished.ending();
    const bool succeeded = ending.succeeded();
    const bool counts = halt.on == schedule::Halt::On::done || (halt.on == schedule::Halt::On::fail) != succeeded;
    if (counts) tell_halt(finished.job, succeeded);
    if (!schedule_.halted()) return;
    exit_status_.halted_by(ending, schedule_.tally(), schedule_.total());
    if (halt.when == schedule::Halt::When::soon && schedule_.running() > 0) {
        say(fmt::format("starting no more jobs; waiting for {} to end", schedule_.running()));
    }
}

void Run::tell_halt(const Job& job, bool succeeded) {
    std::string_view how = settings_.policy.halt.on == schedule::Halt::On::done ? "finished"
                           : succeeded                                          ? "succeeded"
                                                                                : "failed";
    say(fmt::format("this job {}:\n{}", how, job.line));
}

void Run::on_delivered(const FinishedJob& finished) {
    schedule::Ending ending = finished.ending();
    ending.delivered = true;
    tell(ending);
}

void Run::tell(const schedule::Ending& ending) {
    for (schedule::EndingListener* listener : listeners_) listener->on_ending(ending);
}

// -- signals

void Run::on_signals() {
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
    const bool second = signal == SIGINT && interrupted_;
    // A wrapper passes on the Ctrl-C that the terminal has sent to all of us.
    if (second && now - *interrupted_ < echo) return;
    if (signal == SIGINT && !second) interrupted_ = now;
    exit_status_.interrupted(signal);
    if (!input_ended_ || next_ || !again_.empty()) exit_status_.left_jobs();
    // SIGHUP lets jobs end, however often (a terminal that closes sends it twice: by the kernel and by the shell),
    // SIGTERM ends them, as GNU parallel documents it; so does its Ctrl-C.
    if (second || signal == SIGTERM || (signal == SIGINT && settings_.as_parallel)) {
        if (schedule_.running() > 0) exit_status_.left_jobs();
        say(fmt::format("{}: ending {} running job(s)", system::signal_name(signal), schedule_.running()));
        schedule_.end_all(now);
        conclude_doubtful(Time::max());
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
    std::map<std::uint64_t, const Running*> ordered;
    for (const auto& [slot, running] : running_) ordered[running.job.sequence] = &running;
    Time now = Clock::now();
    for (const auto& [sequence, running] : ordered) {
        say(fmt::format("job {} runs for {:.0f} s: {}", sequence, schedule::seconds(now - running->since),
                        running->job.line));
    }
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
            conclude_doubtful(Time::max());
            runner_->reap();
            if (schedule_.running() == 0) break;
            send_due_signals();
            loop_.wait(schedule_.next());
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
        for (const FinishedJob& lost : output_.take_undelivered()) tell(lost.ending());
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
    if (prepared_) status.total = source_.total();
    if (input_ended_) status.total = tally.started + source_.skipped();
    if (status.total) *status.total -= std::min(*status.total, source_.skipped());
    status.done = tally.done();
    status.failed = tally.failed;
    status.running = schedule_.running();
    status.skipped = source_.skipped();
    status.typing = !input_ended_ && source_.descriptor() >= 0 && ::isatty(source_.descriptor()) == 1;
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
