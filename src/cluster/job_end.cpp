#include "cluster/job_end.hpp"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <string>
#include <vector>

#include "cluster/slurm_commands.hpp"

namespace haid::cluster {
namespace {

using Time = std::chrono::system_clock::time_point;

std::optional<long long> number(std::string_view text) {
    long long value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

// What Slurm's command says on standard output (good) or elsewhere, without white space at its end.
struct Answer {
    bool good;
    std::string text;
};

Answer ask(const std::vector<std::string>& words) {
    Answer answer{};
    try {
        Said said = run_and_listen(words, std::chrono::seconds(10));
        answer.good = said.in_time && said.exit_status == 0;
        answer.text = answer.good ? said.out : said.in_time ? said.err : words.front() + " has not answered for 10 s";
    } catch (const std::exception& error) {
        answer.text = error.what();
    }
    answer.text.erase(answer.text.find_last_not_of(" \n") + 1);
    return answer;
}

}  // namespace

std::optional<Time> end_of_job(const system::ResourceFacts& facts) {
    auto variable = [&](const char* name) { return facts.environment ? facts.environment(name).value_or("") : ""; };
    if (auto seconds = number(variable("SLURM_JOB_END_TIME"))) return Time(std::chrono::seconds(*seconds));
    const auto job = number(variable("SLURM_JOB_ID"));
    if (!job) return std::nullopt;
    tm local{};
    // "2026-01-31T23:59:59" in local time; "N/A" or "Unknown" where there is no limit.
    const std::string text = ask({"squeue", "-h", "-j", std::to_string(*job), "-o", "%e"}).text;
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &local);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    local.tm_isdst = -1;
    const time_t seconds = ::mktime(&local);
    return seconds < 0 ? std::nullopt : std::optional(std::chrono::system_clock::from_time_t(seconds));
}

std::string requeue(const system::ResourceFacts& facts) {
    const auto job = number(facts.environment ? facts.environment("SLURM_JOB_ID").value_or("") : "");
    if (!job) return "this is no Slurm job (SLURM_JOB_ID is not set)";
    const Answer answer = ask({"scontrol", "requeue", std::to_string(*job)});
    return answer.good ? "" : answer.text;
}

}  // namespace haid::cluster
