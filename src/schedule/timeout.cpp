#include "schedule/timeout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace haid::schedule {
namespace {

// Some 30 years: beyond it nothing is meant, and the clock's own range is far away.
constexpr double longest = 1e9;

double unit_seconds(char unit) {
    switch (unit) {
        case 'd':
        case 'D':
            return 86400;
        case 'h':
        case 'H':
            return 3600;
        case 'm':
        case 'M':
            return 60;
        case 's':
        case 'S':
            return 1;
        default:
            return 0;
    }
}

}  // namespace

Duration parse_duration(std::string_view text) {
    auto refuse = [&] {
        throw std::invalid_argument(
            fmt::format("'{}' is not a time: give seconds (10, 0.5) or units (1m30s, 2h, 1d)", text));
    };
    double total = 0;
    const char* at = text.data();
    const char* end = at + text.size();
    if (at == end) refuse();
    while (at != end) {
        double number = 0;
        auto [after, error] = std::from_chars(at, end, number, std::chars_format::fixed);
        if (error != std::errc() || std::signbit(number)) refuse();
        double unit = 1;
        if (after != end) {
            unit = unit_seconds(*after);
            if (unit == 0) refuse();
            ++after;
        } else if (at != text.data()) {
            refuse();  // "1m30": is it minutes or seconds?
        }
        total += number * unit;
        at = after;
    }
    if (!(total <= longest)) refuse();
    return from_seconds(total);
}

Timeout parse_timeout(std::string_view text) {
    Timeout timeout;
    if (!text.ends_with('%')) {
        if (const Duration fixed = parse_duration(text); fixed > Duration::zero()) timeout.fixed = fixed;
        return timeout;
    }
    double percent = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, percent);
    if (error != std::errc() || end != text.data() + text.size() - 1 || std::signbit(percent) ||
        !(percent <= longest)) {
        throw std::invalid_argument(fmt::format("'{}' is not a percentage of the median run time", text));
    }
    if (percent > 0) timeout.of_median = percent / 100;
    return timeout;
}

void TimeoutRule::succeeded(Duration took) {
    if (!timeout_.of_median) return;
    ++successes_;
    median_.add(seconds(took));
}

std::optional<Duration> TimeoutRule::limit() const {
    if (timeout_.fixed) return timeout_.fixed;
    if (!timeout_.of_median || successes_ < median_needs) return std::nullopt;
    return from_seconds(std::min(*timeout_.of_median * median_.value().value_or(0), longest));
}

}  // namespace haid::schedule
