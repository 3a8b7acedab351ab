#include "command/job_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "command/hash.hpp"
#include "command/output/printer.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

constexpr std::size_t fields = 9;

// A newline in a command would look like the end of the line; NUL cannot be in a command.
std::string as_logged(std::string_view line) {
    std::string logged(line);
    std::replace(logged.begin(), logged.end(), '\n', '\0');
    return logged;
}

std::optional<std::array<std::string_view, fields>> split_line(std::string_view line) {
    std::array<std::string_view, fields> parts;
    for (std::size_t i = 0; i + 1 < fields; ++i) {
        std::size_t tab = line.find('\t');
        if (tab == std::string_view::npos) return std::nullopt;
        parts[i] = line.substr(0, tab);
        line.remove_prefix(tab + 1);
    }
    parts[fields - 1] = line;
    return parts;
}

std::string read_all(int fd, const std::string& path) {
    std::string text;
    char buffer[64 * 1024];
    for (;;) {
        ssize_t size =
            system::uninterrupted([&] { return ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size())); });
        if (size < 0) system::throw_errno(fmt::format("cannot read the job log '{}'", path));
        if (size == 0) return text;
        text.append(buffer, static_cast<std::size_t>(size));
    }
}

constexpr const char* header = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

std::string line_of(const schedule::Ending& ending) {
    return fmt::format("{}\t{}\t{:.3f}\t{:10.3f}\t0\t{}\t{}\t{}\t{}\n", ending.which, ending.host, ending.start,
                       std::chrono::duration<double>(ending.took).count(), ending.output_bytes, ending.exit_status,
                       ending.signal, as_logged(ending.command));
}

}  // namespace

PastJobs PastJobs::read(std::string_view text, const std::string& path) {
    PastJobs past;
    past.whole_size_ = text.rfind('\n') + 1;  // npos + 1 is 0
    std::size_t number = 0;
    for (std::size_t at = 0; at < past.whole_size_;) {
        std::size_t end = text.find('\n', at);
        std::string_view line = text.substr(at, end - at);
        std::size_t start = std::exchange(at, end + 1);
        if (++number == 1 && line.starts_with("Seq\t")) continue;
        auto parts = split_line(line);
        std::uint64_t sequence = 0;
        bool valid = parts.has_value();
        if (valid) {
            std::string_view digits = (*parts)[0];
            auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
            valid = error == std::errc() && stop == digits.data() + digits.size();
        }
        if (!valid) {
            throw std::invalid_argument(fmt::format("line {} of the job log '{}' is not a line of a job log: '{}'",
                                                    number, path, line.substr(0, 80)));
        }
        std::string_view command = (*parts)[fields - 1];
        past.put(sequence,
                 {(*parts)[6] == "0" && (*parts)[7] == "0", hash_of(command), start + (line.size() - command.size())});
    }
    return past;
}

void PastJobs::add(std::uint64_t sequence, bool succeeded, std::string_view command) {
    put(sequence, {succeeded, hash_of(as_logged(command)), 0});
}

void PastJobs::put(std::uint64_t sequence, Entry entry) {
    auto [last, is_new] = entries_.try_emplace(sequence, entry);
    if (is_new) return;
    Entry& before = last->second;
    if (before.line_hash != entry.line_hash) {
        numbers_differ_ = true;
        const auto [from, to] = replaced_.equal_range({sequence, entry.line_hash});
        const auto attempt = std::find_if(from, to, [](const auto& one) { return !one.second.succeeded; });
        if (attempt != to) replaced_.erase(attempt);
    }
    if (before.succeeded || before.line_hash != entry.line_hash) {
        replaced_.emplace(std::pair(sequence, before.line_hash), before);
    }
    before = entry;
}

const PastJobs::Entry* PastJobs::find(std::uint64_t sequence) const {
    auto entry = entries_.find(sequence);
    return entry != entries_.end() ? &entry->second : nullptr;
}

bool PastJobs::same_command(const Entry& entry, std::string_view line) const {
    return entry.line_hash == hash_of(as_logged(line));
}

bool PastJobs::done(std::uint64_t sequence, std::string_view line, bool even_failed) {
    const std::uint64_t line_hash = hash_of(as_logged(line));
    const auto own = entries_.find(sequence);
    const bool has_number = own != entries_.end();
    if (has_number && own->second.line_hash == line_hash && !own->second.taken) {
        own->second.taken = true;
        return even_failed || own->second.succeeded;
    }
    numbers_differ_ = numbers_differ_ || (has_number && own->second.line_hash != line_hash);
    // Otherwise all that is left is for jobs that are still to come.
    if (!numbers_differ_) return false;
    if (!std::exchange(indexed_, true)) index_commands(even_failed);
    return take_elsewhere(line_hash, has_number ? UINT64_MAX : sequence);
}

void PastJobs::index_commands(bool even_failed) {
    auto add = [&](std::uint64_t sequence, Entry& entry) {
        if (even_failed || entry.succeeded) by_command_.push_back({entry.line_hash, sequence, &entry});
    };
    by_command_.reserve(entries_.size() + replaced_.size());
    for (auto& [key, entry] : replaced_) add(0, entry);
    for (auto& [sequence, entry] : entries_) add(sequence, entry);
    std::sort(by_command_.begin(), by_command_.end(), [](const Candidate& a, const Candidate& b) {
        return a.line_hash != b.line_hash ? a.line_hash < b.line_hash : a.sequence < b.sequence;
    });
}

bool PastJobs::take_elsewhere(std::uint64_t line_hash, std::uint64_t below) {
    const auto first = std::lower_bound(by_command_.begin(), by_command_.end(), line_hash,
                                        [](const Candidate& a, std::uint64_t hash) { return a.line_hash < hash; });
    if (first == by_command_.end()) return false;
    for (auto found = first + first->passed; found != by_command_.end() && found->line_hash == line_hash; ++found) {
        if (!found->entry->taken && found->sequence >= below) return false;
        ++first->passed;
        if (!std::exchange(found->entry->taken, true)) return true;
    }
    return false;
}

std::map<std::uint64_t, std::string> PastJobs::failed_commands(std::string_view text) const {
    std::map<std::uint64_t, std::string> failed;
    for (const auto& [sequence, entry] : entries_) {
        if (entry.succeeded) continue;
        std::string command(text.substr(entry.offset, text.find('\n', entry.offset) - entry.offset));
        std::replace(command.begin(), command.end(), '\0', '\n');
        failed.emplace(sequence, std::move(command));
    }
    return failed;
}

JobLog::JobLog(const std::string& path, Resume resume, bool append, const std::function<void()>& waiting)
    : path_(path) {
    try {
        file_ = system::open_file(path, O_RDWR | O_CREAT | O_APPEND);
    } catch (const system::SystemError& error) {
        throw system::SystemError(error.error(), fmt::format("cannot open the job log '{}'", path));
    }
    struct stat status {};
    bool regular = ::fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode);
    if (regular && ::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        waiting();
        system::uninterrupted([&] { return ::flock(file_.get(), LOCK_EX); });
    }
    if (!regular) {
        write_line(header);
        return;
    }
    if (resume == Resume::no && !append) {
        system::check(::ftruncate(file_.get(), 0), "cannot empty the job log");
    } else {
        std::string text = read_all(file_.get(), path);
        take_past(text, resume);
        if (past_.whole_size() < text.size()) {
            system::check(::ftruncate(file_.get(), static_cast<off_t>(past_.whole_size())), "cannot mend the job log");
        }
        if (past_.whole_size() > 0) return;
    }
    write_line(header);
}

std::unique_ptr<JobLog> JobLog::to_look_at(const std::string& path, Resume resume) {
    std::unique_ptr<JobLog> log(new JobLog);
    log->path_ = path;
    if (resume == Resume::no || (resume != Resume::retry_failed && ::access(path.c_str(), F_OK) != 0)) return log;
    try {
        log->file_ = system::open_file(path, O_RDONLY);
    } catch (const system::SystemError& error) {
        throw system::SystemError(error.error(), fmt::format("cannot open the job log '{}'", path));
    }
    struct stat status {};
    if (::fstat(log->file_.get(), &status) == 0 && S_ISREG(status.st_mode)) {
        log->take_past(read_all(log->file_.get(), path), resume);
    }
    return log;
}

void JobLog::take_past(const std::string& text, Resume resume) {
    past_ = PastJobs::read(text, path_);
    if (resume == Resume::retry_failed) failed_commands_ = past_.failed_commands(text);
}

void JobLog::on_ending(const schedule::Ending& ending) {
    if (ending.delivered) write_line(line_of(ending));
}

void JobLog::write_line(const std::string& line) {
    std::string_view rest = line;
    errno = EIO;
    while (!rest.empty()) {
        // A write that was cut short does not say why; the next one does.
        ssize_t size = system::uninterrupted([&] { return ::write(file_.get(), rest.data(), rest.size()); });
        if (size <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(size));
    }
    if (rest.empty()) return;
    const int error = errno;
    const auto written = static_cast<off_t>(line.size() - rest.size());
    struct stat status {};
    if (written > 0 && ::fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode)) {
        [[maybe_unused]] int cut = ::ftruncate(file_.get(), status.st_size - written);
    }
    throw system::SystemError(error, fmt::format("cannot write the job log '{}'", path_));
}

PrintedJobLog::PrintedJobLog(Printer& printer) : printer_(printer) {
    printer_.print(Stream::output, header);
}

void PrintedJobLog::on_ending(const schedule::Ending& ending) {
    if (ending.delivered) printer_.print(Stream::output, line_of(ending));
}

}  // namespace haid::command
