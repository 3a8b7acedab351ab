#include "cluster/job_end.hpp"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace haid::cluster {
namespace {

using Time = std::chrono::system_clock::time_point;

std::optional<long long> number(std::string_view text) {
    long long value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

// The clock counts nanoseconds in 63 bits, which end in the year 2262: what is later is late enough.
Time at_second(long long second) {
    constexpr long long late = 9'000'000'000;
    return Time(std::chrono::seconds(std::clamp(second, 0LL, late)));
}

}  // namespace

EndSeen end_of_job(const system::ResourceFacts& facts, const std::optional<nodes::OwnJobSeen>& seen) {
    auto variable = [&](const char* name) { return facts.environment ? facts.environment(name).value_or("") : ""; };
    if (auto seconds = number(variable("SLURM_JOB_END_TIME"))) return {at_second(*seconds), ""};
    if (variable("SLURM_JOB_ID").empty()) return {};
    const nodes::OwnJobSeen job = seen ? *seen : nodes::look_at_own_job();
    tm local{};
    // "2026-01-31T23:59:59" in local time; "N/A" or "Unknown" where there is no limit.
    const char* rest = ::strptime(job.job.end_time.c_str(), "%Y-%m-%dT%H:%M:%S", &local);
    if (rest == nullptr || *rest != '\0') return {std::nullopt, job.fault};
    local.tm_isdst = -1;
    const time_t seconds = ::mktime(&local);
    if (seconds < 0) return {};
    return {at_second(seconds), ""};
}

}  // namespace haid::cluster
