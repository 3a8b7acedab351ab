// A runner without processes: a test says how jobs end, and sees what the run asked for.
#pragma once

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "command/jobs_number.hpp"
#include "command/runner.hpp"
#include "command/settings.hpp"
#include "system/event_loop.hpp"

namespace haid::command {

struct FakeEnd {
    int status = 0;
    int signal = 0;
    std::string output = "";
    std::string error = "";
};

// The machine that the jobs run on. It outlives the run, so that a test can look at it afterwards.
class FakeMachine {
  public:
    FakeMachine() = default;
    FakeMachine(const FakeMachine&) = delete;
    FakeMachine& operator=(const FakeMachine&) = delete;

    // -- what a test decides
    // A job has started. Unless told otherwise, it has ended by the time somebody looks.
    std::function<void(const Job&)> on_start = [this](const Job& job) { end(job.sequence); };
    // A signal has reached a job that runs. Unless told otherwise, the job dies of it.
    std::function<void(const Job&, int number)> on_signal = [this](const Job& job, int number) {
        end(job.sequence, {.signal = number});
    };
    // So many starts will be put off.
    int starts_to_refuse = 0;
    // The next calls of reap() throw, each after it has told of so many endings.
    std::deque<int> endings_before_faults;

    // A running job ends. It is told of at the next reap(), for which there is a SIGCHLD as there is for a process:
    // several of them are one as long as nobody has looked.
    void end(std::uint64_t sequence, FakeEnd how = {}) {
        for (auto running = alive_.begin(); running != alive_.end(); ++running) {
            if (running->second.sequence != sequence) continue;
            ended_.push_back({running->first, std::move(how)});
            alive_.erase(running);
            ::kill(::getpid(), SIGCHLD);
            return;
        }
        throw std::logic_error("no such job runs");
    }

    // Where a running job ran is lost.
    void lose(std::uint64_t sequence) {
        for (auto running = alive_.begin(); running != alive_.end(); ++running) {
            if (running->second.sequence != sequence) continue;
            const std::uint64_t slot = running->first;
            alive_.erase(running);
            return in_loop([this, slot] { context_->listener.on_lost(slot, "there"); });
        }
        throw std::logic_error("no such job runs");
    }

    // So many jobs may run at a time from now on.
    void allow(std::uint64_t slots) {
        in_loop([this, slots] { context_->listener.on_slots(slots); });
    }

    // Becomes an event of the run's loop, where what jobs write comes from.
    void in_loop(std::function<void()> action) {
        events_.actions.push_back(std::move(action));
        ::eventfd_write(events_.descriptor.get(), 1);
    }

    // -- what a test sees, of the run that goes on or was the last
    std::vector<Job> starts;
    std::vector<std::uint64_t> refused;                  // numbers of jobs
    std::vector<std::pair<std::uint64_t, int>> signals;  // number of the job, signal
    std::size_t most_running = 0;                        // at a time, as far as the run can know
    bool output_is_discarded = false;
    bool nothing_left() const { return alive_.empty() && ended_.empty(); }
    const RunnerContext& context() const { return *context_; }

    MakeRunner make_runner() {
        return [this](const RunSettings&, const RunnerContext& context) {
            starts.clear();
            refused.clear();
            signals.clear();
            most_running = 0;
            output_is_discarded = false;
            context_.emplace(context);
            context.loop.add(events_.descriptor.get(), EPOLLIN, events_);
            return std::make_unique<FakeRunner>(*this);
        };
    }

  private:
    class FakeRunner : public Runner {
      public:
        explicit FakeRunner(FakeMachine& machine) : machine_(machine) {}
        void set_jobs(const std::string& jobs) override { machine_.set_jobs(jobs); }
        Started start(const Job& job) override { return machine_.start(job); }
        void signal(std::span<const std::uint64_t> slots, int number) override { machine_.signal(slots, number); }
        void pause_output(bool) override {}
        void discard_output() override { machine_.output_is_discarded = true; }
        void reap() override { machine_.reap(); }
        void signal_groups(int) override {}

      private:
        FakeMachine& machine_;
    };

    void set_jobs(const std::string& jobs) { context_->listener.on_slots(parse_jobs(jobs, 1).value()); }

    Runner::Started start(const Job& job) {
        if (starts_to_refuse > 0) {
            --starts_to_refuse;
            refused.push_back(job.sequence);
            return Runner::Started::later;
        }
        if (!alive_.try_emplace(job.slot, job).second) throw std::logic_error("another job runs in the slot");
        starts.push_back(job);
        most_running = std::max(most_running, alive_.size() + ended_.size());
        on_start(job);
        return Runner::Started::yes;
    }

    void signal(std::span<const std::uint64_t> slots, int number) {
        for (std::uint64_t slot : slots) {
            auto running = alive_.find(slot);
            if (running == alive_.end()) continue;  // a signal does nothing to a process that has ended
            Job job = running->second;
            signals.emplace_back(job.sequence, number);
            on_signal(job, number);
        }
    }

    void reap() {
        while (!ended_.empty()) {
            if (!endings_before_faults.empty() && endings_before_faults.front()-- == 0) {
                endings_before_faults.pop_front();
                throw std::runtime_error("a fault while endings are told");
            }
            auto [slot, how] = std::move(ended_.front());
            ended_.pop_front();
            system::Spool output(context_->store), error(context_->store);
            output.append(how.output);
            error.append(how.error);
            context_->listener.on_ended(
                slot, {{0, how.status, how.signal, false, {}}, 0, 0, {}, std::move(output), std::move(error)});
        }
    }

    struct Events : system::Watcher {
        system::Descriptor descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        std::vector<std::function<void()>> actions;
        void on_ready(std::uint32_t) override {
            eventfd_t count = 0;
            ::eventfd_read(descriptor.get(), &count);
            for (auto& action : std::exchange(actions, {})) action();
        }
    };

    std::optional<RunnerContext> context_;
    Events events_;
    std::map<std::uint64_t, Job> alive_;                   // by slot
    std::deque<std::pair<std::uint64_t, FakeEnd>> ended_;  // by slot; nobody has been told
};

}  // namespace haid::command
