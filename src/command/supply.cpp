#include "command/supply.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace haid::command {

Supply::Supply(const RunSettings& settings, system::SpoolStore& store, system::EventLoop& loop,
               std::function<void()> prepared, std::function<void(const std::string&)> say)
    : source_(settings, store), loop_(loop), on_prepared_(std::move(prepared)), say_(std::move(say)) {}

bool Supply::look() {
    if (next_) return true;
    if (ended_ || watched_ >= 0) return false;
    try {
        switch (pull()) {
            case Pull::value:
                return true;
            case Pull::blocked:
                watched_ = source_.descriptor();
                loop_.add(watched_, EPOLLIN, *this);
                return false;
            case Pull::end:
                break;
        }
    } catch (const InputError&) {
        ended_ = true;
        throw;
    }
    ended_ = true;
    return false;
}

Pull Supply::pull() {
    if (!prepared_) {
        if (source_.prepare() == Pull::blocked) return Pull::blocked;
        prepared_ = true;
        on_prepared_();
    }
    NextJob job;
    const Pull pull = source_.next(job);
    for (const std::string& warning : source_.take_warnings()) say_(fmt::format("warning: {}", warning));
    if (pull == Pull::value) next_ = std::move(job);
    return pull;
}

void Supply::on_ready(std::uint32_t) {
    loop_.remove(watched_, *this);
    watched_ = -1;
}

Job Supply::make(const Permit& permit) {
    if (!permit.again) return source_.make(*next_, permit.slot);
    Job job = std::move(again_.extract(*permit.again).mapped());
    job.slot = permit.slot;
    return job;
}

void Supply::started(const Permit& permit) {
    if (!permit.again) next_.reset();
}

void Supply::put_back(const Permit& permit, Job job) {
    if (permit.again) {
        again_.emplace(job.sequence, std::move(job));
    } else {
        next_->results = std::move(job.results);
    }
}

void Supply::again(Job job, const std::string* failed_on) {
    std::vector<std::string>& before = job.failed_on;
    if (failed_on != nullptr && std::find(before.begin(), before.end(), *failed_on) == before.end()) {
        before.push_back(*failed_on);
    }
    again_.insert_or_assign(job.sequence, std::move(job));
}

std::optional<std::uint64_t> Supply::total(std::uint64_t started) {
    if (ended_) return started;
    auto total = prepared_ ? source_.total() : std::nullopt;
    if (total) *total -= std::min(*total, source_.skipped());
    return total;
}

bool Supply::typing() const {
    return !ended_ && source_.descriptor() >= 0 && ::isatty(source_.descriptor()) == 1;
}

}  // namespace haid::command
