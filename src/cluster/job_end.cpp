#include "cluster/job_end.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
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

struct Answer {
    bool good;
    std::string text;  // its first line
};

// By popen: the words are ours, and timeout(1) is wherever Slurm is.
Answer ask(const std::string& command) {
    FILE* pipe = ::popen(fmt::format("exec timeout 10 {}", command).c_str(), "re");
    if (pipe == nullptr) return {false, "it cannot be run"};
    char line[512] = "";
    std::string text = std::fgets(line, sizeof line, pipe) != nullptr ? line : "";
    while (std::fgets(line, sizeof line, pipe) != nullptr) {
    }
    text.erase(text.find_last_not_of(" \n") + 1);
    return {::pclose(pipe) == 0, text};
}

}  // namespace

std::optional<Time> end_of_job(const system::ResourceFacts& facts) {
    auto variable = [&](const char* name) { return facts.environment ? facts.environment(name).value_or("") : ""; };
    if (auto seconds = number(variable("SLURM_JOB_END_TIME"))) return Time(std::chrono::seconds(*seconds));
    const auto job = number(variable("SLURM_JOB_ID"));
    if (!job) return std::nullopt;
    tm local{};
    // "2026-01-31T23:59:59" in local time; "N/A" or "Unknown" where there is no limit.
    const std::string text = ask(fmt::format("squeue -h -j {} -o %e 2>/dev/null", *job)).text;
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &local);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    local.tm_isdst = -1;
    const time_t seconds = ::mktime(&local);
    return seconds < 0 ? std::nullopt : std::optional(std::chrono::system_clock::from_time_t(seconds));
}

std::string requeue(const system::ResourceFacts& facts) {
    const auto job = number(facts.environment ? facts.environment("SLURM_JOB_ID").value_or("") : "");
    if (!job) return "this is no Slurm job (SLURM_JOB_ID is not set)";
    const Answer answer = ask(fmt::format("scontrol requeue {} 2>&1", *job));
    if (answer.good) return "";
    return answer.text.empty() ? "scontrol did not answer" : answer.text;
}

}  // namespace haid::cluster
