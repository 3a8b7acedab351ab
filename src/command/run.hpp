// One run: all jobs of one start of the program.
//
// Owns the loop in which everything happens: inputs become jobs, the schedule says what may start, the runner carries
// it out, output is delivered and only then logged. Signals arrive as events. A fault that makes going on pointless
// (standard output closed, a full disk, a log that cannot be written) ends the jobs, is told, and gives exit status
// 255.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "command/endings.hpp"
#include "command/exit_status.hpp"
#include "command/interrupts.hpp"
#include "command/job_log.hpp"
#include "command/kept.hpp"
#include "command/observer.hpp"
#include "command/output/output.hpp"
#include "command/output/printer.hpp"
#include "command/runner.hpp"
#include "command/running_jobs.hpp"
#include "command/settings.hpp"
#include "command/start_patience.hpp"
#include "command/supply.hpp"
#include "system/signals.hpp"

namespace haid::command {

class Run : private Runner::Listener, private system::Watcher {
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
    void loop();
    std::optional<system::Time> next_event() const;

    void on_prepared();
    bool have_input();
    void refuse(const InputError& error);
    void start_jobs();
    bool start_one(const schedule::Schedule::Permit& permit);
    void run_dry(const schedule::Schedule::Permit& permit, Job job);
    void tell_time_is_up();
    void send_due_signals();

    void on_output(std::uint64_t slot, Stream stream, std::string_view data) override {
        running_.on_output(slot, stream, data);
    }
    void on_much_output(std::uint64_t slot, Stream stream, system::Spool& data) override {
        running_.on_much_output(slot, stream, data);
    }
    std::optional<std::size_t> on_readable(std::uint64_t slot, Stream stream, int pipe, std::size_t limit) override {
        return running_.on_readable(slot, stream, pipe, limit);
    }
    void on_stopped_by_terminal(std::uint64_t slot) override;
    void on_ended(std::uint64_t slot, JobEnd end) override;
    void on_lost(std::uint64_t slot, const std::string& host) override;
    void on_slots(std::uint64_t slots) override { schedule_.set_slots(slots); }
    void on_short_memory(std::uint64_t slot) override {
        schedule_.end_one(slot, schedule::Cause::memory, system::Clock::now());
    }
    void on_news(const std::string& news) override { say(news); }

    void read_slots_file();

    void on_ready(std::uint32_t) override;  // of signals
    void on_interrupt(int signal);
    void suspend();
    void list_running();

    void fail(const std::string& message, int status);
    void wind_down();
    void tell_end();
    Status status(system::Time now);
    void show(const Shown& shown);
    void say(const std::string& text);
    void say_line(const std::string& line);

    RunSettings settings_;
    Observer& observer_;
    system::SpoolStore store_;
    system::EventLoop loop_;
    Supply supply_;
    Kept kept_;
    system::SignalQueue signals_;
    Printer printer_;
    std::optional<PrintedJobLog> printed_log_;
    Output output_;
    RunningJobs running_;
    std::unique_ptr<Runner> runner_;
    schedule::Schedule schedule_;
    ExitStatus exit_status_;
    Endings endings_;
    Interrupts interrupts_;
    StartPatience start_patience_;
    bool told_time_is_up_ = false;
    bool told_end_ = false;
    system::Time started_{};
};

}  // namespace haid::command
