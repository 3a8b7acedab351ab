// Any command line is understood, or refused by an error that a person can read.
//
// Lines: the program's name, $PARALLEL (empty: not set), then a word each.
#include <cstdlib>
#include <string>
#include <vector>

#include "command/jobs_number.hpp"
#include "fields.hpp"
#include "options.hpp"
#include "schedule/halt.hpp"
#include "schedule/timeout.hpp"
#include "system/error.hpp"

namespace {

using namespace haid;

// Rules that make something of the numbers.
void use(const cli::CommandLine& line) {
    const schedule::Policy& policy = line.run.policy;
    schedule::TimeoutRule rule(policy.timeout);
    for (int i = 0; i < schedule::median_needs; ++i) rule.succeeded(std::chrono::hours(24));
    if (const auto limit = rule.limit()) static_cast<void>(schedule::Time() + *limit);
    static_cast<void>(schedule::Time() + policy.delay);
    static_cast<void>(schedule::reached(policy.halt, {10, 5, 5}, 10));
    if (!line.run.jobs.empty()) fuzz::expect(command::parse_jobs(line.run.jobs, line.run.usable_cpus).has_value());
    static_cast<void>(command::jobs_at_a_time(line.run.jobs, line.run.cpus_per_job, line.run.usable_cpus));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ::unsetenv("HOME");  // its configuration is somebody else's
    std::vector<std::string> words = fuzz::fields(data, size, '\n');
    for (std::string& word : words) word = word.c_str();  // words of a command line hold no zero byte
    words.resize(std::max<std::size_t>(words.size(), 2));
    words[1].empty() ? ::unsetenv("PARALLEL") : ::setenv("PARALLEL", words[1].c_str(), 1);
    const cli::Personality who = cli::personality(words[0].c_str());
    words.erase(words.begin(), words.begin() + 2);
    cli::CommandLine line;
    line.run.usable_cpus = 4;
    try {
        std::vector<std::string> rest = cli::parse_options(words, line, who);
        cli::take_sources(rest, line);
        use(line);
    } catch (const cli::UsageError&) {
    } catch (const system::SystemError&) {
    }
    return 0;
}
