#include "verbs.hpp"
#include "option_table.hpp"
#include "print.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "command/quote.hpp"
#include "command/run.hpp"
#include "command/scripts.hpp"
#include "nodes.hpp"
#include "report/report.hpp"
#include "system/resources.hpp"
#include "system/tell.hpp"

namespace haid::cli {
namespace {

const Verb verbs[] = {
    {"run", "run scripts, each in its interpreter", run_scripts},
    {"submit", "give a line to Slurm, to be run when there are nodes for it", submit_line},
    {"status", "show what was submitted, and what has become of it", show_status},
    {"cancel", "end what was submitted", cancel_runs},
    {"agent", "run jobs for a haid on another node, which starts this by itself", run_agent},
    {"resources", "show how many CPUs and how much memory may be used, and why", show_resources},
};

// The newest version of GNU parallel whose behaviour was compared with ours; scripts ask for it with --minversion.
constexpr int compatible_version = 20221122;

void print_help(const Personality& who) {
    print(
        "{0}: run commands on every core that you may use.\n\n"
        "  {0} [options] [command [arguments]] < inputs\n"
        "  {0} [options] [command [arguments]] ::: values … [:::: files …]\n",
        who.name);
    if (!who.is_parallel) {
        print(
            "  {0} run [options] scripts … [-- arguments] [::: values …]\n"
            "  {0} submit [Slurm's options] -- any of these lines      {0} status      {0} cancel NUMBER\n"
            "  {0} resources\n",
            who.name);
        print("\nWithout a command, each input is a command line: haid < commands.txt\n");
    }
    print(
        "\nIn the command stand for the input: {{}} itself, {{.}} without its extension, {{/}} its file name, {{//}} "
        "its folder,\n"
        "{{/.}} both, {{1}} {{2}} … its columns, {{#}} the job's number, {{%}} its slot. Without any of them {{}} is "
        "added.\n{}"
        "\nExit status: 0 all succeeded; 1 to 100: so many failed; 101: more; 255: something else went wrong.\n",
        options_help());
}

// Answers what can be answered without running anything.
std::optional<int> answer(const CommandLine& line, const Personality& who) {
    using Show = CommandLine::Show;
    if (!line.lowest_version.empty()) {
        print("{}\n", compatible_version);
        return std::atoi(line.lowest_version.c_str()) <= compatible_version ? 0 : 255;
    }
    auto topology = [] { return system::cpu_topology(system::ResourceFacts::of_this_process()); };
    switch (line.show) {
        case Show::nothing:
            return std::nullopt;
        case Show::help:
            print_help(who);
            break;
        case Show::version:
            if (who.is_parallel)
                print("GNU parallel {} (as haid {} speaks it)\n", compatible_version, HAID_VERSION);
            else
                print("haid {}\n", HAID_VERSION);
            break;
        case Show::line_length:
            print("{}\n", command::line_limit - 1);
            break;
        case Show::sockets:
            print("{}\n", topology().sockets);
            break;
        case Show::cores:
            print("{}\n", topology().cores);
            break;
        case Show::threads:
            print("{}\n", line.run.usable_cpus);
            break;
    }
    return 0;
}

CommandLine new_command_line(const Personality& who) {
    CommandLine line;
    command::RunSettings& run = line.run;
    run.program_name = who.name;
    run.as_parallel = who.is_parallel;
    run.limit_threads = !who.is_parallel;
    run.shell = command::choose_shell();
    run.strings.style = run.shell.style;
    run.usable_cpus = system::cpu_resources(system::ResourceFacts::of_this_process()).usable;
    run.policy.slots = static_cast<std::uint64_t>(run.usable_cpus);
    if (const char* folder = std::getenv("TMPDIR"); folder != nullptr && *folder != '\0') run.temporary_folder = folder;
    if (who.is_parallel) line.progress = ProgressStyle::none;
    return line;
}

void check(const CommandLine& line) {
    const command::RunSettings& run = line.run;
    using command::Resume;
    if (line.until_done && run.job_log.empty())
        throw UsageError("--until-done needs --joblog: what is left is known from it");
    if (run.resume == Resume::retry_failed && run.job_log.empty()) throw UsageError("--retry-failed needs --joblog");
    if (line.group_given && run.grouping != command::RunSettings::Grouping::whole) {
        throw UsageError("--group goes with neither --ungroup nor --line-buffer");
    }
    if (run.prints_job_log() && (run.resume != Resume::no || line.until_done))
        throw UsageError("--joblog - is on standard output, and gone with the run: a later one needs a file");
    if (run.resume != Resume::no && run.job_log.empty() && run.results.empty()) {
        throw UsageError("--resume and --resume-failed need --joblog or --results");
    }
    if (run.resume != Resume::no && run.job_log.empty() && run.results.starts_with("-.")) {
        throw UsageError(
            "--resume and --resume-failed need --joblog, or --results in files: a table on standard output is gone");
    }
}

// Of a haid that is a job itself: its jobs would have the seed that it has, all the same one.
std::optional<std::uint64_t> inherited_seed() {
    const char* seed = std::getenv("HAID_SEED");
    if (seed == nullptr || *seed == '\0') return std::nullopt;
    try {
        return seed_of(seed);
    } catch (const std::invalid_argument& error) {
        throw UsageError(fmt::format("HAID_SEED in the environment: {}; unset it, or give --seed", error.what()));
    }
}

int execute(CommandLine& line, const Personality& who) {
    check(line);
    command::RunSettings& run = line.run;
    if (!run.seed) run.seed = inherited_seed();
    report::Style style;
    switch (line.progress) {
        case ProgressStyle::automatic:
            style.progress = report::Style::Progress::automatic;
            break;
        case ProgressStyle::none:
            style.progress = report::Style::Progress::none;
            break;
        case ProgressStyle::bar:
            style.progress = report::Style::Progress::bar;
            break;
        case ProgressStyle::eta:
            style.progress = report::Style::Progress::eta;
            break;
        case ProgressStyle::counts:
            style.progress = report::Style::Progress::counts;
            break;
    }
    style.program_name = who.name;
    style.jobs_write = run.grouping == command::RunSettings::Grouping::none && run.results.empty();
    style.list_failures = !run.as_parallel;
    run.input.count_ahead = line.progress == ProgressStyle::bar || line.progress == ProgressStyle::eta;
    run.input.read_ahead = run.policy.halt.needs_total();
    if (line.until_done && run.resume == command::Resume::no) run.resume = command::Resume::all;
    const command::MakeRunner make_runner = runner_on(line, who);
    report::Report report(style);
    command::Run the_run(run, report, make_runner);
    const int status = the_run.execute();
    if (line.until_done && the_run.ran_out_of_time()) run_again_later(the_run.done(), who);
    return status;
}

// Only its options, where it only asks something.
CommandLine read_commands(const std::vector<std::string>& words, const Personality& who) {
    CommandLine line = new_command_line(who);
    std::vector<std::string> command = parse_options(words, line, who);
    if (line.only_asks()) return line;
    take_sources(command, line);
    line.run.command = std::move(command);
    return line;
}

command::Interpreters interpreters_of(const CommandLine& line) {
    command::Interpreters interpreters = command::Interpreters::with_users_table();
    for (const std::string& definition : line.interpreters) interpreters.add(definition);
    return interpreters;
}

// Without inputs a script runs once: as with one input that it does not get.
void run_once(command::RunSettings& run, const std::vector<std::string>& arguments) {
    for (const std::string& word : arguments) {
        if (!command::Template::text(word, run.strings).uses(command::Template::Kind::value)) continue;
        throw UsageError(
            fmt::format("'{}' has a place for an input, and there are none: give them after ::: (or in a file: "
                        ":::: FILE; :::: - is standard input), or let -I name what stands for them instead of {}",
                        word, run.strings.strings.value));
    }
    run.input = {};
    run.input.sources = {{false, false, {""}, {}}};
    run.batch = {1, true};
    run.spread_last = false;
}

// What cannot be looked at stands for itself.
std::string command_of(const std::string& script, const command::Interpreters& interpreters,
                       const command::RunSettings& run, Looks looks) {
    std::vector<std::string> words = {script};
    try {
        if (looks != Looks::nothing) words = interpreters.command_for(script, !run.directory.empty());
    } catch (const command::InterpreterMissing&) {
        if (looks == Looks::all) throw;
    }
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + command::quote(word, run.shell.style);
    return text;
}

CommandLine read_scripts(const std::vector<std::string>& words, const Personality& who, Looks looks) {
    CommandLine line = new_command_line(who);
    // "--" stands between scripts and their arguments here: it must not end the options.
    auto separator = std::find(words.begin(), words.end(), "--");
    std::vector<std::string> scripts = parse_options({words.begin(), separator}, line, who);
    if (line.only_asks()) return line;
    std::vector<std::string> arguments(separator == words.end() ? separator : separator + 1, words.end());
    const std::size_t words_for_scripts = scripts.size();
    take_sources(scripts, line);
    if (separator != words.end() && scripts.size() != words_for_scripts) {
        throw UsageError("values after ::: come last: haid run scripts … -- arguments … ::: values …");
    }
    take_sources(arguments, line);
    if (scripts.empty())
        throw UsageError("which scripts? haid run script_1.py script_2.R … (a program called run: haid -- run)");
    for (const std::string& script : scripts) {
        if (!script.starts_with('-') || ::access(script.c_str(), F_OK) == 0) continue;
        throw UsageError(fmt::format(
            "'{0}' comes after a script: an option of haid's comes before all scripts (haid run {0} … {1}), "
            "an argument for them after -- (haid run {1} -- {0})",
            script, scripts.front()));
    }
    const command::Interpreters interpreters = interpreters_of(line);
    for (std::string& script : scripts) {
        std::string command = command_of(script, interpreters, line.run, looks);
        line.run.scripts.push_back({std::move(script), std::move(command)});
    }
    line.run.strings.scripts = true;
    line.run.strings.quote_words = true;
    const bool has_inputs = !line.run.input.sources.empty();
    if (!has_inputs && line.run.resume != command::Resume::retry_failed) run_once(line.run, arguments);
    if (line.run.tag == line.run.strings.strings.value)
        *line.run.tag = has_inputs ? "{script} " + *line.run.tag : "{script}";
    line.run.command = std::move(arguments);
    return line;
}

}  // namespace

const Verb* find_verb(const std::string& name) {
    auto verb = std::find_if(std::begin(verbs), std::end(verbs), [&](const Verb& v) { return name == v.name; });
    return verb != std::end(verbs) ? verb : nullptr;
}

int run_commands(const std::vector<std::string>& words, const Personality& who) {
    CommandLine line = read_commands(words, who);
    if (auto status = answer(line, who)) return *status;
    bool reads_terminal = line.run.input.sources.empty() && line.run.resume != command::Resume::retry_failed &&
                          ::isatty(STDIN_FILENO) == 1;
    if (reads_terminal && words.empty() && !who.is_parallel) {
        print_help(who);
        return 255;
    }
    if (reads_terminal && ::isatty(STDERR_FILENO) == 1) {
        system::tell("{}: reading inputs from the terminal; end them with Ctrl-D (or give them after :::)\n", who.name);
    }
    return execute(line, who);
}

int run_scripts(const std::vector<std::string>& words, const Personality& who) {
    CommandLine line = read_scripts(words, who, Looks::all);
    if (auto status = answer(line, who)) return *status;
    return execute(line, who);
}

CommandLine read_line(const std::vector<std::string>& words, const Personality& who, Looks looks) {
    const Verb* verb = words.empty() ? nullptr : find_verb(words.front());
    if (verb != nullptr && verb->execute != run_scripts) {
        throw UsageError(
            fmt::format("'haid {0}' is no line that runs jobs (a program called {0}: -- -- {0})", verb->name));
    }
    CommandLine line =
        verb != nullptr ? read_scripts({words.begin() + 1, words.end()}, who, looks) : read_commands(words, who);
    if (line.only_asks())
        throw UsageError("the line only shows something, and runs nothing: no need to wait for nodes");
    check(line);
    return line;
}

}  // namespace haid::cli
