#include "command/jobs_number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace haid::command {

std::optional<std::uint64_t> parse_jobs(std::string_view text, int cpus) {
    bool plus = text.starts_with('+'), minus = text.starts_with('-'), percent = text.ends_with('%');
    if (plus || minus) text.remove_prefix(1);
    if (percent) text.remove_suffix(1);
    double number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || end != text.data() + text.size() || text.starts_with('-') || !(number <= 1e9))
        return std::nullopt;
    if (percent)
        number = cpus * number / 100;
    else if (number != std::floor(number))
        return std::nullopt;
    else if (number == 0 && !plus && !minus)
        return std::numeric_limits<std::uint64_t>::max();
    if (plus) number = cpus + number;
    if (minus) number = cpus - number;
    return static_cast<std::uint64_t>(std::max(1.0, std::ceil(number)));
}

std::uint64_t jobs_at_a_time(std::string_view jobs, int cpus_per_job, int cpus) {
    if (!jobs.empty()) return parse_jobs(jobs, cpus).value_or(1);
    return static_cast<std::uint64_t>(std::max(cpus / std::max(cpus_per_job, 1), 1));
}

}  // namespace haid::command
