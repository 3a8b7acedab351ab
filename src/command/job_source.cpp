#include "command/job_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "system/exec_limit.hpp"
#include "system/resources.hpp"

namespace haid::command {
JobSource::JobSource(const RunSettings& settings, system::SpoolStore& store)
    : settings_(settings), strings_(settings.strings), room_(system::room_for_arguments()) {
    if (settings.resume == Resume::retry_failed) return;
    InputSettings input = settings.input;
    input.repeated = settings.scripts.size() > 1;
    records_ = std::make_unique<Records>(input, store);
    begin_batches();
}

void JobSource::begin_batches() {
    BatchRule rule = settings_.batch;
    if (settings_.spread_last) rule.spread = settings_.policy.slots;
    batches_ = std::make_unique<Batches>(*records_, rule, [this](const Arguments& a) { return fits(a); });
}

Pull JobSource::prepare() {
    if (template_) return Pull::value;
    if (records_) {
        if (records_->prepare() == Pull::blocked) return Pull::blocked;
        strings_.names = records_->header();
    }
    template_ = Template::command(settings_.command, strings_);
    if (settings_.tag) tag_ = Template::text(*settings_.tag, strings_);
    if (!settings_.retries.empty()) {
        retries_ = Template::text(settings_.retries, strings_);
        if (!retries_->has_replacements()) {
            throw InputError(
                fmt::format("--retries {}: neither a whole number nor a replacement string", settings_.retries));
        }
    }
    if (!settings_.directory.empty() && settings_.directory != own_directories)
        directory_ = Template::text(settings_.directory, strings_);
    return Pull::value;
}

void JobSource::use_commands(std::map<std::uint64_t, std::string> commands) {
    commands_ = std::move(commands);
}

std::size_t JobSource::limit() const {
    const std::string& prologue = settings_.shell.prologue;
    const std::size_t most = prologue.empty() ? line_limit : line_limit - prologue.size() - 1;
    return settings_.most_characters > 0 ? std::min(settings_.most_characters, most) : most;
}

bool JobSource::fits(const LineSize& size) const {
    const std::size_t most = settings_.most_characters > 0 ? limit() : std::min(filled_line_limit, limit());
    const std::size_t all = size.bytes + settings_.shell.prologue.size();
    return size.bytes < most && all + size.words * system::bytes_beside_argument < room_;
}

bool JobSource::fits(const Arguments& arguments) {
    if (arguments.values.size() < measured_values_) measured_values_ = 0;
    if (measured_values_ > 0) {
        for (std::size_t i = measured_values_; i < arguments.values.size(); ++i) {
            const std::size_t growth = template_->most_growth(arguments.values[i]);
            measured_.bytes += growth;
            measured_.words += growth / 2 + 1;
        }
        measured_values_ = arguments.values.size();
        if (fits(measured_)) return true;
    }
    // The bound says nothing (any more): look at the lines themselves.
    measured_ = largest_line(arguments);
    const bool fitting = fits(measured_);
    measured_values_ = fitting ? arguments.values.size() : 0;
    return fitting;
}

std::string JobSource::line_of(const Arguments& arguments, std::size_t script, std::uint64_t sequence,
                               std::uint64_t slot) const {
    std::string words = template_->fill(arguments, sequence, slot);
    if (settings_.scripts.empty()) return words;
    const std::string& command = settings_.scripts[script].command;
    return words.empty() ? command : command + " " + words;
}

// All scripts are to get the same arguments.
JobSource::LineSize JobSource::largest_line(const Arguments& arguments) const {
    LineSize largest;
    Arguments with_script = arguments;
    for (std::size_t script = 0; script < std::max<std::size_t>(settings_.scripts.size(), 1); ++script) {
        if (!settings_.scripts.empty()) with_script.script = settings_.scripts[script].name;
        const std::string line = line_of(with_script, script, sequence_ + 1, 1);
        // A blank within quotes ends no word; so much the safer.
        const auto words = static_cast<std::size_t>(std::count(line.begin(), line.end(), ' ')) + 1;
        largest = {std::max(largest.bytes, line.size()), std::max(largest.words, words)};
    }
    return largest;
}

// Those of all jobs for the first script, then the same for the next one.
Pull JobSource::next_arguments(NextJob& job) {
    Pull pull = batches_->next(job.arguments);
    while (pull == Pull::end && script_ + 1 < settings_.scripts.size()) {
        ++script_;
        records_->rewind();
        begin_batches();
        pull = batches_->next(job.arguments);
    }
    job.script = script_;
    if (!settings_.scripts.empty()) job.arguments.script = settings_.scripts[script_].name;
    return pull;
}

Pull JobSource::next_of_all(NextJob& job) {
    job = {};
    if (commands_) {
        if (commands_->empty()) return Pull::end;
        auto first = commands_->extract(commands_->begin());
        job.sequence = first.key();
        job.arguments.append({first.mapped()});
        job.line = std::move(first.mapped());
        return Pull::value;
    }
    const Pull pull = next_arguments(job);
    if (pull != Pull::value) return pull;
    measured_values_ = 0;
    job.sequence = ++sequence_;
    return pull;
}

bool JobSource::is_new(NextJob& job) const {
    if (!place_ && !done_) return true;
    Job made = make(job, 1);
    if (place_) made.results = job.results = place_(made);
    return !done_ || !done_(made);
}

Pull JobSource::next(NextJob& job) {
    for (;;) {
        const Pull pull = next_of_all(job);
        if (pull != Pull::value || is_new(job)) return pull;
        ++skipped_count_;
        if (skipped_) skipped_(job.sequence);
    }
}

std::optional<std::uint64_t> JobSource::attempts_of(const NextJob& job, std::uint64_t slot) const {
    // The values of a job that is known from a log are not known: it runs once more.
    if (!retries_ || job.line) return std::nullopt;
    const std::string text = retries_->fill(job.arguments, job.sequence, slot);
    std::uint64_t attempts = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), attempts);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw InputError(fmt::format("{}: --retries {} is '{}' for job {}, which is not a whole number",
                                     records_->place(), settings_.retries, text, job.sequence));
    }
    return attempts;
}

std::string JobSource::directory_of(const NextJob& job, std::uint64_t slot) const {
    if (directory_) return directory_->fill(job.arguments, job.sequence, slot);
    if (settings_.directory != own_directories) return "";
    // GNU parallel's place and name.
    const char* home = std::getenv("HOME");
    const std::string folder =
        home != nullptr && *home != '\0' ? home + std::string("/.parallel/tmp") : settings_.temporary_folder;
    return fmt::format("{}/{}-{}-{}", folder, system::host_name(), ::getpid(), job.sequence);
}

Job JobSource::make(NextJob next, std::uint64_t slot) const {
    Job job;
    job.directory = directory_of(next, slot);
    job.attempts = attempts_of(next, slot);
    job.sequence = next.sequence;
    job.slot = slot;
    job.from_log = next.line.has_value();
    job.results = std::move(next.results);
    job.line = next.line ? std::move(*next.line) : line_of(next.arguments, next.script, next.sequence, slot);
    if (job.line.size() >= limit()) {
        throw InputError(fmt::format("{}: the command line would be {} bytes long, and must be shorter than {}",
                                     records_ ? records_->place() : "job log", job.line.size(), limit()));
    }
    job.arguments = std::move(next.arguments);
    return job;
}

std::string JobSource::tag_of(const Job& job) const {
    return tag_ ? tag_->fill(job.arguments, job.sequence, job.slot) + "\t" : "";
}

std::optional<std::uint64_t> JobSource::total() {
    if (commands_) return commands_->size() + sequence_;
    auto records = records_->count();
    if (!records || settings_.spread_last || settings_.batch.records == 0) return std::nullopt;
    const std::uint64_t jobs = (*records + settings_.batch.records - 1) / settings_.batch.records;
    return jobs * std::max<std::uint64_t>(settings_.scripts.size(), 1);
}

}  // namespace haid::command
