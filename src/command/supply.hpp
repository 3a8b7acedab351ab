// The jobs that are to be started: new ones, as their inputs come, and those that are tried again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "command/job_source.hpp"
#include "schedule/schedule.hpp"
#include "system/event_loop.hpp"

namespace haid::command {

// Inputs are never waited for: whoever asks too early asks again when the loop has waited.
class Supply : private system::Watcher {
  public:
    using Permit = schedule::Schedule::Permit;
    // `prepared` is called once, before the first job is looked for: columns have their names by then, and the source
    // may be told whom to leave out. Throws InputError, std::invalid_argument.
    Supply(const RunSettings& settings, system::SpoolStore& store, system::EventLoop& loop,
           std::function<void()> prepared, std::function<void(const std::string&)> say);

    JobSource& source() { return source_; }

    // Whether there is a new job; one is looked for. Throws InputError, after which no new ones come.
    bool look();
    bool has_new() const { return next_.has_value(); }
    // No new ones will come.
    bool ended() const { return ended_; }
    bool any_left() const { return !ended_ || next_ || !again_.empty(); }

    // What the permit is for. The new job stays the next one until it has started. Throws InputError where no command
    // can be made of it.
    Job make(const Permit& permit);
    void started(const Permit& permit);
    // It could not be started.
    void put_back(const Permit& permit, Job job);
    // It has been started, and is to be tried once more. `failed_on`: there, if it has.
    void again(Job job, const std::string* failed_on);

    // Jobs of this run, where that can be known; so many new ones have been started.
    std::optional<std::uint64_t> total(std::uint64_t started);
    // A person types the inputs.
    bool typing() const;

  private:
    void on_ready(std::uint32_t) override;
    Pull pull();

    JobSource source_;
    system::EventLoop& loop_;
    std::function<void()> on_prepared_;
    std::function<void(const std::string&)> say_;
    std::unordered_map<std::uint64_t, Job> again_;  // by sequence
    std::optional<NextJob> next_;
    bool prepared_ = false;
    bool ended_ = false;
    int watched_ = -1;
};

}  // namespace haid::command
