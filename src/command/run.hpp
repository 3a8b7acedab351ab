// One run: all jobs of one start of the program.
//
// Owns the loop in which everything happens: inputs become jobs, the schedule says what may start, the runner carries
// it out, output is delivered and only then logged. Signals arrive as events. A fault that makes going on pointless
// (standard output closed, a full disk, a log that cannot be written) ends the jobs, is told, and gives exit status
// 255.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "command/exit_status.hpp"
#include "command/gate.hpp"
#include "command/job_log.hpp"
#include "command/job_source.hpp"
#include "command/observer.hpp"
#include "command/output/output.hpp"
#include "command/output/printer.hpp"
#include "command/runner.hpp"
#include "command/settings.hpp"
#include "command/start_patience.hpp"
#include "system/signals.hpp"

namespace haid::command {

class Run : private Runner::Listener {
  public:
    // Opens everything that can fail. Throws InputError, std::invalid_argument, SystemError before any job has started.
    Run(RunSettings settings, Observer& observer, const MakeRunner& make_runner);
    ~Run() override;

    // The exit status (see ExitStatus). Does not throw.
    int execute();
    // Jobs are left that another run can do.
    bool ran_out_of_time() const { return schedule_.out_of_time(); }
    // Jobs of this run that have ended and count.
    std::uint64_t done() const { return schedule_.tally().done(); }

  private:
    struct Running {
        Job job;
        std::uint64_t attempt;
        system::Time since;
        std::uint64_t streamed_bytes = 0;
    };
    // A descriptor whose events go to a member function.
    class Forwarder : public system::Watcher {
      public:
        explicit Forwarder(std::function<void()> action) : action_(std::move(action)) {}
        void on_ready(std::uint32_t) override { action_(); }

      private:
        std::function<void()> action_;
    };

    void loop();
    void start_jobs();
    bool have_input();
    bool start_one(const schedule::Schedule::Permit& permit);
    void tell_time_is_up();
    void run_dry(const schedule::Schedule::Permit& permit, Job job);
    void wait_for_input();
    void send_due_signals();
    void read_slots_file();
    std::unique_ptr<JobLog> open_log() const;
    void open_results();
    ResultPaths place(const Job& job);
    void prepare_resume();
    bool already_done(const Job& job);

    void on_output(std::uint64_t slot, Stream stream, std::string_view data) override;
    void on_much_output(std::uint64_t slot, Stream stream, system::Spool& data) override;
    std::optional<std::size_t> on_readable(std::uint64_t slot, Stream stream, int pipe, std::size_t limit) override;
    void on_stopped_by_terminal(std::uint64_t slot) override;
    void on_ended(std::uint64_t slot, JobEnd end) override;
    void on_lost(std::uint64_t slot, const std::string& host) override;
    void on_slots(std::uint64_t slots) override { schedule_.set_slots(slots); }
    void on_short_memory(std::uint64_t slot) override {
        schedule_.end_one(slot, schedule::Cause::memory, system::Clock::now());
    }
    void on_news(const std::string& news) override { say(news); }
    void conclude(std::uint64_t slot, JobEnd end);
    void conclude(std::uint64_t slot, JobEnd end, const schedule::Schedule::Verdict& verdict, bool stopping_before);
    void conclude_doubtful(system::Time until);
    void judge_halt(const FinishedJob& finished);
    void try_again(FinishedJob finished, bool used_attempt);
    void on_delivered(const FinishedJob& finished);
    void tell(const schedule::Ending& ending);
    bool may_print_early(std::uint64_t slot, Stream stream) const;
    void tell_halt(const Job& job, bool succeeded);

    void on_signals();
    void on_interrupt(int signal);
    void suspend();
    void list_running();
    void fail(const std::string& message, int status);
    void wind_down();
    Status status(system::Time now);
    void show(const Shown& shown);
    void tell_end();
    void say(const std::string& text);
    void say_line(const std::string& line);

    RunSettings settings_;
    Observer& observer_;
    system::SpoolStore store_;
    JobSource source_;
    std::unique_ptr<JobLog> log_;
    std::optional<PrintedJobLog> printed_log_;
    std::vector<schedule::EndingListener*> listeners_;
    system::SignalQueue signals_;
    system::EventLoop loop_;
    Printer printer_;
    std::unique_ptr<Results> results_;
    Output output_;
    std::unique_ptr<Runner> runner_;
    schedule::Schedule schedule_;
    ExitStatus exit_status_;
    Forwarder signal_events_;
    Forwarder input_events_;

    std::unordered_map<std::uint64_t, Running> running_;  // by slot
    // Jobs that died of SIGTERM, and nobody here has sent it: whoever ends all of us may have hit them first.
    struct Doubtful {
        system::Time until;
        std::uint64_t slot;
        JobEnd end;
    };
    std::deque<Doubtful> doubtful_;
    std::unordered_map<std::uint64_t, Job> again_;  // by sequence: to be started once more
    std::optional<NextJob> next_;
    bool prepared_ = false;
    bool input_ended_ = false;
    bool told_time_is_up_ = false;
    bool told_moved_results_ = false;
    bool told_end_ = false;
    int watched_input_ = -1;
    StartPatience start_patience_;
    std::optional<system::Time> interrupted_;  // by the first SIGINT
    system::Time started_{};
};

}  // namespace haid::command
