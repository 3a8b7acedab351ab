#include "command/output/output.hpp"

#include <utility>

namespace haid::command {

Output::Output(OutputSettings settings, Printer& printer, system::SpoolStore& store, Delivered delivered)
    : settings_(settings), printer_(printer), store_(store), delivered_(std::move(delivered)) {}

void Output::started(const Job& job, const std::string& tag) {
    Live live{settings_.show_command ? job.line : "",
              Tagger(tag),
              Tagger(tag),
              {},
              {},
              system::Spool(store_),
              system::Spool(store_),
              false};
    auto [entry, first_attempt] = live_.try_emplace(job.sequence, std::move(live));
    Live& placed = entry->second;
    if (!first_attempt) {
        // The part of a line that an earlier attempt left is none of this one's.
        placed.partial_output.clear();
        placed.partial_error.clear();
        placed.output_tagger = Tagger(tag);
        placed.error_tagger = Tagger(tag);
    }
    if (settings_.line_buffer) announce(job.sequence, placed);
}

void Output::announce(std::uint64_t sequence, Live& live) {
    if (!settings_.show_command || live.announced) return;
    live.announced = true;
    std::string line = live.output_tagger.apply(live.line + "\n");
    if (has_turn(sequence)) {
        printer_.print(Stream::output, line);
    } else {
        live.held_output.append(line);
    }
}

bool Output::prints_alone(std::uint64_t sequence) const {
    return settings_.keep_order && sequence == turn_ && results_ == nullptr && !printer_.congested();
}

std::optional<std::size_t> Output::pass_on(std::uint64_t sequence, int pipe, std::size_t limit) {
    auto found = live_.find(sequence);
    if (!prints_alone(sequence) || found == live_.end() || found->second.output_tagger.active()) return std::nullopt;
    announce(sequence, found->second);
    return printer_.pass_on(Stream::output, pipe, limit);
}

void Output::offer(std::uint64_t sequence, system::Spool& data) {
    if (!prints_alone(sequence)) return;
    auto found = live_.find(sequence);
    if (found == live_.end()) return;
    announce(sequence, found->second);
    print_tagged(Stream::output, std::exchange(data, system::Spool(store_)), found->second.output_tagger);
}

void Output::streamed(std::uint64_t sequence, Stream stream, std::string_view data) {
    auto found = live_.find(sequence);
    if (found == live_.end()) return;
    Live& live = found->second;
    bool is_output = stream == Stream::output;
    std::string& partial = is_output ? live.partial_output : live.partial_error;
    std::size_t last_end = data.rfind('\n');
    if (last_end == std::string_view::npos && partial.size() + data.size() < longest_line) {
        partial.append(data);
        return;
    }
    std::size_t whole = last_end == std::string_view::npos ? data.size() : last_end + 1;
    std::string lines = std::exchange(partial, std::string(data.substr(whole)));
    lines.append(data.substr(0, whole));
    lines = (is_output ? live.output_tagger : live.error_tagger).apply(lines);
    if (has_turn(sequence)) {
        printer_.print(stream, lines);
    } else {
        (is_output ? live.held_output : live.held_error).append(lines);
    }
}

void Output::finished(FinishedJob&& finished) {
    std::uint64_t sequence = finished.job.sequence;
    if (!has_turn(sequence)) {
        spilled_waiting_ += finished.end.output.spilled() + finished.end.error.spilled();
        waiting_.emplace(sequence, std::move(finished));
        return;
    }
    deliver(std::move(finished));
    if (settings_.keep_order) {
        ++turn_;
        advance();
    }
}

void Output::gone(std::uint64_t sequence) {
    live_.erase(sequence);
    if (!settings_.keep_order) return;
    gone_.insert(sequence);
    advance();
}

void Output::advance() {
    for (;;) {
        if (gone_.erase(turn_) > 0) {
            ++turn_;
            continue;
        }
        auto next = waiting_.find(turn_);
        if (next == waiting_.end()) break;
        FinishedJob finished = std::move(next->second);
        waiting_.erase(next);
        spilled_waiting_ -= finished.end.output.spilled() + finished.end.error.spilled();
        deliver(std::move(finished));
        ++turn_;
    }
    auto live = live_.find(turn_);
    if (live != live_.end()) release_held(live->second);
}

void Output::release_held(Live& live) {
    printer_.print(Stream::output, std::exchange(live.held_output, system::Spool(store_)));
    printer_.print(Stream::error, std::exchange(live.held_error, system::Spool(store_)));
}

void Output::flush() {
    while (!waiting_.empty()) {
        turn_ = waiting_.begin()->first;
        advance();
    }
}

void Output::deliver(FinishedJob&& one) {
    FinishedJob& finished = delivering_.emplace_back(std::move(one));
    auto node = live_.extract(finished.job.sequence);
    if (results_ != nullptr) {
        if (!finished.end.kept) {
            results_->keep(finished);
        } else if (finished.cause != schedule::Cause::none || !finished.ending().succeeded()) {
            results_->mark(finished);
        }
    } else if (!node.empty()) {
        Live& live = node.mapped();
        announce(finished.job.sequence, live);
        release_held(live);
        printer_.print(Stream::output, live.output_tagger.apply(std::exchange(live.partial_output, {})));
        printer_.print(Stream::error, live.error_tagger.apply(std::exchange(live.partial_error, {})));
        print_tagged(Stream::output, std::move(finished.end.output), live.output_tagger);
        print_tagged(Stream::error, std::move(finished.end.error), live.error_tagger);
    }
    // While it waits for whoever takes the output, no more of it is kept than its ending tells.
    finished.job.arguments = {};
    printer_.after([this] {
        std::list<FinishedJob> delivered;  // whatever is thrown, it is told no second time
        delivered.splice(delivered.begin(), delivering_, delivering_.begin());
        delivered_(delivered.front());
    });
}

std::vector<FinishedJob> Output::take_undelivered() {
    std::vector<FinishedJob> left;
    for (FinishedJob& one : std::exchange(delivering_, {})) left.push_back(std::move(one));
    for (auto& [sequence, one] : std::exchange(waiting_, {})) left.push_back(std::move(one));
    return left;
}

void Output::print_tagged(Stream stream, system::Spool data, Tagger& tagger) {
    if (!tagger.active()) return printer_.print(stream, std::move(data));
    system::Spool tagged(store_);
    data.for_each([&](std::string_view piece) { tagged.append(tagger.apply(piece)); });
    printer_.print(stream, std::move(tagged));
}

}  // namespace haid::command
