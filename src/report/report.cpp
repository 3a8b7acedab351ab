#include "report/report.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "system/signals.hpp"

namespace haid::report {
namespace {

using command::Status;
using system::Clock;
using namespace std::chrono_literals;

// A run that is over in a moment needs no line (nor its flicker).
constexpr auto quiet_time = 2s;
// Ten times a second looks alive; a draw costs one short write.
constexpr auto terminal_interval = 100ms;
constexpr auto pipe_interval = 1s;

int terminal_width() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col - 1 : 79;
}

// So many blanks that they leave the line, unless they began at its start: wherever the cursor was.
std::string on_line_of_its_own(const std::string& line) {
    const auto width = static_cast<std::size_t>(terminal_width()) + 1;
    return fmt::format("{:{}}\r{}\033[K", "", width, line);
}

// Control characters in a command must not move the cursor.
std::string printable(std::string_view text, std::size_t most) {
    std::string shown;
    for (char c : text.substr(0, most)) shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    if (text.size() > most) shown += " …";
    return shown;
}

std::string how_it_failed(const schedule::Ending& ending) {
    if (ending.exit_status == -1) return "took too long";
    if (ending.signal != 0) return fmt::format("killed by {}", system::signal_name(ending.signal));
    if (ending.exit_status == 127) return "exit 127 (command not found?)";
    if (ending.exit_status == 126) return "exit 126 (cannot be run?)";
    return fmt::format("exit {}", ending.exit_status);
}

}  // namespace

Report::Report(Style style) : style_(std::move(style)), terminal_(::isatty(STDERR_FILENO) == 1) {
    using Progress = Style::Progress;
    if (style_.progress == Progress::automatic && terminal_ && !style_.jobs_write) {
        next_look_ = Clock::now() + quiet_time;
    } else if (style_.progress != Progress::automatic && style_.progress != Progress::none) {
        next_look_ = Clock::now();
    }
}

// Where what a job wrote was lost, it has failed all the same.
void Report::on_ending(const schedule::Ending& ending) {
    if (ending.succeeded() || ending.again || ending.cause == schedule::Cause::stop) return;
    ++failed_;
    if (failures_.size() < most_listed)
        failures_.push_back({ending.which, how_it_failed(ending), printable(ending.command, 100)});
}

command::Shown Report::look(const Status& status) {
    const bool stays = !terminal_ || style_.jobs_write;
    next_look_ = status.now + (stays ? pipe_interval : std::chrono::milliseconds(terminal_interval));
    if (terminal_ && status.typing) return {};
    // While the terminal's user has put us into the background, the line would run into his typing.
    if (terminal_ && ::tcgetpgrp(STDERR_FILENO) != ::getpgrp() && ::tcgetpgrp(STDERR_FILENO) > 0) return {};
    if (terminal_ && stays) return {on_line_of_its_own(line(status)), true};
    return {line(status), stays};
}

std::string Report::line(const Status& status) const {
    Shape shape = style_.progress == Style::Progress::bar      ? Shape::bar
                  : style_.progress == Style::Progress::eta    ? Shape::eta
                  : style_.progress == Style::Progress::counts ? Shape::counts
                                                               : Shape::line;
    return progress_text(status, shape, terminal_ ? terminal_width() : 0);
}

std::string Report::on_finish(const Status& status) {
    bool asked = style_.progress != Style::Progress::automatic && style_.progress != Style::Progress::none;
    std::string text;
    if (asked) text = (terminal_ && style_.jobs_write ? on_line_of_its_own(line(status)) : line(status)) + "\n";
    if (style_.list_failures && failed_ > 0) text += list_of_failures(status);
    return text;
}

std::string Report::list_of_failures(const Status& status) const {
    std::uint64_t done = std::max(status.done, failed_);
    std::string text =
        fmt::format("{}: {} of {} job{} failed:\n", style_.program_name, failed_, done, done == 1 ? "" : "s");
    std::size_t width = 0;
    for (const Failure& failure : failures_) width = std::max(width, failure.how.size());
    for (const Failure& failure : failures_) {
        text += fmt::format("  job {:<4} {:<{}}  {}\n", failure.sequence, failure.how, width, failure.line);
    }
    if (failed_ > failures_.size())
        text += fmt::format("  and {} more (--joblog FILE lists all)\n", failed_ - failures_.size());
    return text;
}

}  // namespace haid::report
