#include "report/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace haid::report {
namespace {

double elapsed(const command::Status& status) {
    return std::chrono::duration<double>(status.now - status.since).count();
}

// From the rate so far; the first jobs say little, and then the next few make up for it.
std::optional<double> seconds_left(const command::Status& status) {
    if (!status.total || status.done == 0) return std::nullopt;
    return elapsed(status) / static_cast<double>(status.done) *
           static_cast<double>(*status.total - std::min(*status.total, status.done));
}

std::string counts(const command::Status& status) {
    std::string text =
        status.total ? fmt::format("{}/{} done", status.done, *status.total) : fmt::format("{} done", status.done);
    text += fmt::format(", {} running", status.running);
    if (status.failed > 0) text += fmt::format(", {} failed", status.failed);
    if (status.skipped > 0) text += fmt::format(", {} done before", status.skipped);
    return text;
}

std::string bar(const command::Status& status, int width) {
    if (!status.total || *status.total == 0) return counts(status);
    double part = std::min(1.0, static_cast<double>(status.done) / static_cast<double>(*status.total));
    std::string right = fmt::format(" {:3.0f}% {}/{}", part * 100, status.done, *status.total);
    if (auto left = seconds_left(status)) right += fmt::format(", {} left", duration_text(*left));
    if (status.failed > 0) right += fmt::format(", {} failed", status.failed);
    int room = std::clamp(width - static_cast<int>(right.size()) - 2, 10, 60);
    int full = static_cast<int>(part * room);
    return fmt::format("[{:#<{}}{:.<{}}]{}", "", full, "", room - full, right);
}

}  // namespace

std::string duration_text(double seconds) {
    auto whole = std::llround(seconds);
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
    return fmt::format("{}:{:02}:{:02} h", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string progress_text(const command::Status& status, Shape shape, int width) {
    std::string text;
    if (shape == Shape::bar) {
        text = bar(status, width);
    } else {
        text = counts(status);
        auto left = seconds_left(status);
        if (shape != Shape::counts && left) text += fmt::format(", {} left", duration_text(*left));
        if (shape == Shape::line) text += fmt::format(" ({} so far)", duration_text(elapsed(status)));
    }
    if (width > 0 && text.size() > static_cast<std::size_t>(width)) text.resize(static_cast<std::size_t>(width));
    return text;
}

}  // namespace haid::report
