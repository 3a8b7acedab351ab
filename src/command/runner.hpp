// The seam between the rules of a run and what carries them out: processes of this machine, the nodes of a cluster, and
// in tests a fake.
#pragma once

#include <signal.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "command/job.hpp"
#include "system/event_loop.hpp"
#include "system/spool.hpp"

namespace haid::command {

enum class Stream { output = 1, error = 2 };  // the numbers of their descriptors

class Runner {
  public:
    // What the runner tells. A job is known by its slot.
    class Listener {
      public:
        virtual ~Listener() = default;
        // Only where output is streamed: bytes as they came.
        virtual void on_output(std::uint64_t slot, Stream stream, std::string_view data) = 0;
        // Where output is grouped, and a job writes much: who may print it at once takes what is in the spool.
        virtual void on_much_output(std::uint64_t slot, Stream stream, system::Spool& data) = 0;
        // The same for what is still in the job's pipe: the bytes passed on (0: the pipe has ended), or nullopt where
        // it has to be kept.
        virtual std::optional<std::size_t> on_readable(std::uint64_t slot, Stream stream, int pipe,
                                                       std::size_t limit) = 0;
        // The terminal has stopped the job, for it wants to read from it (or write, under `stty tostop`).
        virtual void on_stopped_by_terminal(std::uint64_t slot) = 0;
        // The process has ended, whatever it left behind; where the job was being ended, its family too.
        virtual void on_ended(std::uint64_t slot, JobEnd end) = 0;
        // Where the job ran is lost, and it does not run any more: nobody knows how far it came.
        virtual void on_lost(std::uint64_t slot, const std::string& host) = 0;
        // So many jobs may run at a time from now on; where more do, none is started until enough of them have ended.
        virtual void on_slots(std::uint64_t slots) = 0;
        // Where the job runs memory is short, and it is the youngest there: it is to be ended, and run again later.
        virtual void on_short_memory(std::uint64_t slot) = 0;
        // Something that the user should know.
        virtual void on_news(const std::string& news) = 0;
    };

    enum class Started {
        yes,
        later,  // the machine has no process or descriptor left at the moment
        // It is to run where it has not failed yet, and there is no room now: when a job has ended, or with other
        // slots.
        elsewhere,
    };

    virtual ~Runner() = default;
    // nullopt: as many jobs as the settings say; else what there is at first, and on_slots() tells of what comes.
    virtual std::optional<std::uint64_t> slots() const { return std::nullopt; }
    // -j has another value now, one that parse_jobs understands; on_slots() tells what that comes to.
    virtual void set_jobs(const std::string& jobs) = 0;
    // A command that does not exist is no fault: its job starts and ends with status 127 (or 126).
    // Throws system::SystemError where no job can ever start.
    virtual Started start(const Job& job) = 0;
    // After Started::later: the errno of what could not be had.
    virtual int refusal() const { return EAGAIN; }
    // To whatever the jobs in these slots consist of. Slots in which nothing runs are ignored. The jobs are being ended
    // from now on: one has ended when nothing of its family is left. 0: no signal follows, and what those whose process
    // has ended still have is let go.
    virtual void signal(std::span<const std::uint64_t> slots, int number) = 0;
    // While paused, streamed output is left where it is, so that jobs wait for whoever reads.
    virtual void pause_output(bool paused) = 0;
    // From now on what jobs write is thrown away.
    virtual void discard_output() = 0;
    // To be called after SIGCHLD: tells of all that has ended. If a listener throws, the rest waits for the next call.
    virtual void reap() = 0;
    // Stops and continues jobs as the terminal would (SIGTSTP, SIGCONT): the leaders' groups alone.
    virtual void signal_groups(int number) = 0;
    // Nothing runs any more, and nothing will be started. Waits for what has to end besides jobs.
    virtual void finish() {}
};

// What a run has for its runner. All of it outlives the runner.
struct RunnerContext {
    system::EventLoop& loop;
    system::SpoolStore& store;
    Runner::Listener& listener;
    sigset_t signal_mask;  // what jobs start with
    // Whoever ends jobs in the name of a run that was killed keeps this open meanwhile.
    std::optional<int> job_log;
    // Jobs may run until then, unless the runner is told otherwise; nullopt: as long as the program.
    std::optional<system::Time> lease = std::nullopt;
};

struct RunSettings;
using MakeRunner = std::function<std::unique_ptr<Runner>(const RunSettings&, const RunnerContext&)>;

}  // namespace haid::command
