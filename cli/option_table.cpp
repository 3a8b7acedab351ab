#include "option_table.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>
#include <stdexcept>

#include "command/jobs_number.hpp"
#include "system/descriptor.hpp"

namespace haid::cli {
namespace {

using command::RunSettings;
using command::Trim;

// Numbers may have a unit: k, m, g, t (1000) and K, M, G, T (1024), as GNU parallel reads them.
double quantity(const std::string& text) {
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    static constexpr std::string_view small = "kmgtp", large = "KMGTP";
    if (error == std::errc() && unit.size() == 1) {
        std::size_t power = small.find(unit[0]);
        double base = 1000;
        if (power == std::string_view::npos) {
            power = large.find(unit[0]);
            base = 1024;
        }
        if (power != std::string_view::npos) {
            for (std::size_t i = 0; i <= power; ++i) value *= base;
            unit = {};
        }
    }
    if (error != std::errc() || !unit.empty() || !(value >= 0 && value <= 1e18)) {
        throw std::invalid_argument(fmt::format("'{}' is not a number (units: k, M, G …)", text));
    }
    return value;
}

std::uint64_t bytes(const std::string& text) {
    return static_cast<std::uint64_t>(quantity(text));
}

std::uint64_t number(const std::string& text) {
    const double value = quantity(text);
    if (value != std::floor(value)) throw std::invalid_argument(fmt::format("'{}' is not a whole number", text));
    return static_cast<std::uint64_t>(value);
}

const std::string& not_empty(const std::string& value) {
    if (value.empty()) throw std::invalid_argument("must not be empty");
    return value;
}

std::string unescape(const std::string& text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            result += text[i];
            continue;
        }
        switch (char c = text[++i]) {
            case 'n':
                result += '\n';
                break;
            case 't':
                result += '\t';
                break;
            case 'r':
                result += '\r';
                break;
            case '0':
                result += '\0';
                break;
            case 'x': {
                unsigned value = 0;
                auto [end, error] =
                    std::from_chars(text.data() + i + 1, text.data() + std::min(i + 3, text.size()), value, 16);
                if (error != std::errc())
                    throw std::invalid_argument(fmt::format("'{}' has a \\x without digits", text));
                result += static_cast<char>(value);
                i = static_cast<std::size_t>(end - text.data()) - 1;
                break;
            }
            default:
                result += c;
        }
    }
    return result;
}

void set_jobs(CommandLine& line, const std::string& value) {
    RunSettings& run = line.run;
    std::string text = value;
    struct stat status {};
    if (!command::parse_jobs(text, run.usable_cpus) && ::stat(value.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
        run.slots_file = value;
        text = system::read_file(value);
        text.erase(text.find_last_not_of(" \t\r\n") + 1);
    }
    auto slots = command::parse_jobs(text, run.usable_cpus);
    if (!slots) {
        throw std::invalid_argument(fmt::format(
            "'{}' is no number of jobs: give N, +N, -N, N%, 0 (all at once) or a file that holds one", text));
    }
    run.policy.slots = *slots;
    run.jobs = text;
}

// What is no number is taken to hold replacement strings, which are known once all options are.
void set_retries(CommandLine& line, const std::string& value) {
    line.run.retries.clear();
    if (not_empty(value).find_first_not_of("0123456789.kKmMgGtTpP+-") != std::string::npos) {
        line.run.retries = value;
    } else {
        line.run.policy.attempts = number(value);
    }
}

void set_cpus_per_job(CommandLine& line, const std::string& value) {
    const auto cpus = number(value);
    if (cpus < 1 || cpus > INT_MAX) throw std::invalid_argument(fmt::format("'{}' is no number of CPUs", value));
    line.run.cpus_per_job = static_cast<int>(cpus);
}

void set_nodes(CommandLine& line, const std::string& value) {
    if (value == "auto")
        line.nodes = CommandLine::Nodes::automatic;
    else if (value == "local")
        line.nodes = CommandLine::Nodes::local;
    else if (value == "slurm")
        line.nodes = CommandLine::Nodes::slurm;
    else
        throw std::invalid_argument("must be auto (all nodes of a Slurm job), local (this one) or slurm");
}

void set_trim(CommandLine& line, const std::string& value) {
    auto& trim = line.run.input.trim;
    if (value == "n")
        trim = Trim::none;
    else if (value == "l")
        trim = Trim::left;
    else if (value == "r")
        trim = Trim::right;
    else if (value == "lr" || value == "rl")
        trim = Trim::both;
    else
        throw std::invalid_argument("must be one of n, l, r, lr, rl");
}

void set_load(CommandLine& line, const std::string& value) {
    if (!command::parse_jobs(value, line.run.usable_cpus)) {
        throw std::invalid_argument(fmt::format("'{}' is no load: give N, N% or +N", value));
    }
    line.run.gate.most_load = value;
}

void set_nice(CommandLine& line, const std::string& value) {
    int nice = 0;
    std::string_view digits = std::string_view(value).substr(value.starts_with('+') ? 1 : 0);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), nice);
    if (error != std::errc() || end != digits.data() + digits.size() || nice < -20 || nice > 19) {
        throw std::invalid_argument(fmt::format("'{}' is no niceness from -20 to 19", value));
    }
    line.run.nice = nice;
}

void set_seed(CommandLine& line, const std::string& value) {
    line.run.seed = seed_of(value);
}

constexpr const char* inputs = "Inputs";
constexpr const char* templates = "Commands";
constexpr const char* running = "How jobs run";
constexpr const char* output = "Output";
constexpr const char* logs = "Logs, and going on";
constexpr const char* telling = "Telling";

using L = CommandLine;
using S = const std::string&;

const Option table[] = {
    {inputs, 'a', "arg-file|argfile", Takes::value, "FILE", "read inputs from FILE (- for standard input); may be given again",
     [](L& l, S v) { l.run.input.sources.push_back({true, false, {}, not_empty(v)}); }},
    {inputs, '0', "null", Takes::nothing, "", "inputs end with a zero byte, as find -print0 writes them",
     [](L& l, S) { l.run.input.rules.delimiter.assign(1, '\0'); }},
    {inputs, 'd', "delimiter", Takes::value, "TEXT", "inputs end with TEXT; \\n, \\t, \\0, \\xHH are understood",
     [](L& l, S v) {
         l.run.input.rules.delimiter = unescape(not_empty(v));
         l.run.input.rules.split_values = true;
     }},
    {inputs, 'C', "colsep|col-sep", Takes::value, "REGEX", "split each input into columns {1}, {2} …",
     [](L& l, S v) { l.run.input.column_separator = v; }},
    {inputs, 0, "header", Takes::value, ":", "the first input names the columns: {name}",
     [](L& l, S v) {
         if (v != ":") throw std::invalid_argument("only --header : is known");
         l.run.input.header = true;
     }},
    {inputs, 0, "skip-first-line|skipfirstline", Takes::nothing, "", "leave out the first line of the input",
     [](L& l, S) { l.run.input.skip_first_line = true; }},
    {inputs, 'r', "no-run-if-empty|norunifempty", Takes::nothing, "", "leave out inputs of nothing but white space",
     [](L& l, S) { l.run.input.rules.skip_blank = true; }},
    {inputs, 'n', "max-args|maxargs", Takes::value, "N", "N inputs a job",
     [](L& l, S v) { l.job_inputs.inputs = number(v); }},
    {inputs, 'N', "max-replace-args|maxreplaceargs", Takes::value, "N", "N inputs a job, as {1} to {N}",
     [](L& l, S v) { l.job_inputs.replaced = number(v); }},
    {inputs, 'L', "", Takes::value, "N", "N lines a job; a line that ends in a blank goes on in the next",
     [](L& l, S v) { l.job_inputs.lines = number(v); }},
    {inputs, 'l', "max-lines|maxlines", Takes::number_if_any, "N", nullptr,
     [](L& l, S v) { l.job_inputs.lines_apart = std::max<std::uint64_t>(v.empty() ? 1 : number(v), 1); }},
    {inputs, 'm', "", Takes::nothing, "", "as many inputs a job as its command line takes",
     [](L& l, S) { l.job_inputs.fill = true; }},
    {inputs, 'X', "", Takes::nothing, "", "the same, repeating the word around {} for each",
     [](L& l, S) { l.job_inputs.fill_context = true; }},
    {inputs, 0, "xargs", Takes::nothing, "", nullptr, [](L& l, S) { l.job_inputs.fill_unspread = true; }},
    {inputs, 's', "max-chars|maxchars", Takes::value, "N", "command lines are shorter than N bytes",
     [](L& l, S v) { l.run.most_characters = number(v); }},
    {inputs, 'x', "exit", Takes::nothing, "", nullptr, [](L&, S) {}},
    {inputs, 'E', "", Takes::value, "TEXT", "an input TEXT is the end of the input",
     [](L& l, S v) { l.run.input.rules.end_marker = v; }},
    {inputs, 'e', "eof", Takes::text_if_any, "TEXT", nullptr,
     [](L& l, S v) {
         if (!v.empty()) l.run.input.rules.end_marker = v;
     }},
    {inputs, 0, "trim", Takes::value, "n|l|r|lr", "take white space off the left or right end of inputs", set_trim},
    {inputs, 0, "shuf", Takes::nothing, "", "in random order", [](L& l, S) { l.run.input.shuffle = true; }},
    {inputs, 0, "link|xapply", Takes::nothing, "", "take input sources side by side; short ones start again",
     [](L& l, S) { l.run.input.link_all = true; }},
    {inputs, 0, "arg-sep|argsep", Takes::value, "TEXT", "in place of :::", [](L& l, S v) { l.argument_separator = not_empty(v); }},
    {inputs, 0, "arg-file-sep|argfilesep", Takes::value, "TEXT", "in place of ::::", [](L& l, S v) { l.file_separator = not_empty(v); }},

    {templates, 'I', "", Takes::value, "TEXT", "TEXT in place of {}", [](L& l, S v) { l.run.strings.strings.value = v; }},
    {templates, 'i', "replace", Takes::text_if_any, "TEXT", nullptr,
     [](L& l, S v) {
         if (!v.empty()) l.run.strings.strings.value = v;
     }},
    {templates, 0, "extensionreplace|er", Takes::value, "TEXT", "TEXT in place of {.}",
     [](L& l, S v) { l.run.strings.strings.no_extension = v; }},
    {templates, 0, "basenamereplace|bnr", Takes::value, "TEXT", "TEXT in place of {/}",
     [](L& l, S v) { l.run.strings.strings.base = v; }},
    {templates, 0, "dirnamereplace|dnr", Takes::value, "TEXT", "TEXT in place of {//}",
     [](L& l, S v) { l.run.strings.strings.folder = v; }},
    {templates, 0, "basenameextensionreplace|bner", Takes::value, "TEXT", "TEXT in place of {/.}",
     [](L& l, S v) { l.run.strings.strings.base_no_extension = v; }},
    {templates, 0, "seqreplace", Takes::value, "TEXT", "TEXT in place of {#}",
     [](L& l, S v) { l.run.strings.strings.sequence = v; }},
    {templates, 0, "slotreplace", Takes::value, "TEXT", "TEXT in place of {%}",
     [](L& l, S v) { l.run.strings.strings.slot = v; }},
    {templates, 'q', "quote", Takes::nothing, "", "every word reaches the command as it stands",
     [](L& l, S) { l.run.strings.quote_words = true; }},
    {templates, 0, "dry-run|dryrun|dr", Takes::nothing, "", "print the command lines, run nothing",
     [](L& l, S) { l.run.dry_run = true; }},
    {templates, 0, "interpreter", Takes::value, ".EXT=CMD", "haid run: scripts with this extension are run by CMD, whatever their first line says",
     [](L& l, S v) { l.interpreters.push_back(v); }, true},

    {running, 'j', "jobs", Takes::value, "N", "so many at a time on each node: N, +N, -N, N%, 0 (all), or a file that holds it", set_jobs},
    {running, 'P', "max-procs|maxprocs", Takes::value, "N", nullptr, set_jobs},
    {running, 0, "cpus-per-job", Takes::value, "N", "CPUs that each job gets; so many fewer run at a time", set_cpus_per_job, true},
    {running, 0, "time-per-job", Takes::value, "TIME", "in a Slurm job: start none that would not end in time (else: what earlier ones took)",
     [](L& l, S v) { l.run.policy.closing.per_job = schedule::parse_duration(v); }, true},
    {running, 0, "until-done", Takes::nothing, "", "in a Slurm job whose time is up: requeue it, until all is done (needs --joblog)",
     [](L& l, S) { l.until_done = true; }, true},
    {running, 0, "nodes", Takes::value, "WHERE", "in a Slurm job: on all of its nodes (auto), or on this one (local)", set_nodes, true},
    {running, 0, "delay", Takes::value, "TIME", "wait between two starts",
     [](L& l, S v) { l.run.policy.delay = schedule::parse_duration(v); }},
    {running, 0, "timeout", Takes::value, "TIME", "end jobs that take longer: 10, 1m30s, or 200% of the median (0: none)",
     [](L& l, S v) { l.run.policy.timeout = schedule::parse_timeout(v); }},
    {running, 0, "retries", Takes::value, "N", "run a job that fails up to N times (0: until it succeeds); N may be a replacement string",
     set_retries},
    {running, 0, "halt|halt-on-error|haltonerror", Takes::value, "WHEN", "stop early: now,fail=1  soon,success=3  soon,fail=20% …",
     [](L& l, S v) { l.run.policy.halt = schedule::parse_halt(v); }},
    {running, 0, "termseq|term-seq", Takes::value, "SEQ", "how jobs are ended: TERM,200,TERM,100,TERM,50,KILL,25",
     [](L& l, S v) { l.run.policy.ladder = process::parse_ladder(v); }},
    {running, 0, "nice", Takes::value, "N", "run jobs at this niceness", set_nice},
    {running, 0, "load", Takes::value, "N", "start nothing while N or more processes run", set_load},
    {running, 0, "memfree", Takes::value, "SIZE", "start nothing while less memory is free; at half of it, put the youngest job back",
     [](L& l, S v) { l.run.gate.least_free_memory = bytes(v); }},
    {running, 0, "workdir|work-dir|wd", Takes::value, "FOLDER", "run jobs there; it is made where it is missing; ... is a new one for each job, below ~/.parallel/tmp",
     [](L& l, S v) { l.run.directory = v; }},
    {running, 0, "seed", Takes::value, "N", "each job has HAID_SEED, for its random numbers: made from N and {#}, the same with every run", set_seed, true},
    {running, 0, "process-slot-var|processslotvar", Takes::value, "NAME", "this variable holds the job's slot, from 0",
     [](L& l, S v) { l.run.slot_variable = v; }},
    {running, 0, "tmpdir|tempdir", Takes::value, "FOLDER", "where output waits that does not fit into memory",
     [](L& l, S v) { l.run.temporary_folder = not_empty(v); }},

    {output, 0, "group", Takes::nothing, "", "print a job's output when it has ended (as it is without any option)",
     [](L& l, S) { l.group_given = true; }},
    {output, 'k', "keep-order|keeporder", Takes::nothing, "", "print in the order of the inputs; what waits for that is not yet logged",
     [](L& l, S) { l.run.keep_order = true; }},
    {output, 0, "no-keep-order|nokeeporder|nok|no-k", Takes::nothing, "", nullptr, [](L& l, S) { l.run.keep_order = false; }},
    {output, 0, "line-buffer|line-buffered|linebuffer|linebuffered|lb", Takes::nothing, "", "print each line when it is whole",
     [](L& l, S) { l.run.grouping = RunSettings::Grouping::lines; }},
    {output, 'u', "ungroup", Takes::nothing, "", "jobs write to the terminal themselves",
     [](L& l, S) { l.run.grouping = RunSettings::Grouping::none; }},
    {output, 0, "tag", Takes::nothing, "", "put the input before each line", [](L& l, S) { l.run.tag = l.run.strings.strings.value; }},
    {output, 0, "tagstring|tag-string", Takes::value, "TEXT", "put TEXT before each line; it may hold replacement strings",
     [](L& l, S v) {
         l.run.tag.reset();
         if (!v.empty()) l.run.tag = unescape(v);
     }},
    {output, 0, "results|result|res", Takes::value, "WHERE", "keep output in a folder, or a table: x.csv, x.tsv, x.json",
     [](L& l, S v) {
         l.run.results = not_empty(v);
     }},
    {output, 'v', "", Takes::nothing, "", "print each command before its output", [](L& l, S) { l.run.show_command = true; }},
    {output, 't', "verbose", Takes::nothing, "", "print each command on standard error as it starts",
     [](L& l, S) { l.run.trace = true; }},
    {output, 0, "silent", Takes::nothing, "", nullptr, [](L& l, S) { l.run.show_command = false; }},

    {logs, 0, "joblog|jl", Takes::value, "FILE", "a line for each job that has ended; +FILE adds to what is there; -: after its output",
     [](L& l, S v) {
         l.run.append_job_log = v.starts_with('+');
         l.run.job_log = not_empty(l.run.append_job_log ? v.substr(1) : v);
     }},
    {logs, 0, "resume", Takes::nothing, "", "do not run what the job log (or --results) has",
     [](L& l, S) {
         if (l.run.resume == command::Resume::no) l.run.resume = command::Resume::all;
     }},
    {logs, 0, "resume-failed|resumefailed", Takes::nothing, "", "the same, but run again what failed",
     [](L& l, S) { l.run.resume = command::Resume::failed; }},
    {logs, 0, "retry-failed|retryfailed", Takes::nothing, "", "run again what failed, from the job log alone",
     [](L& l, S) { l.run.resume = command::Resume::retry_failed; }},

    {telling, 0, "bar", Takes::nothing, "", "show a bar", [](L& l, S) { l.progress = ProgressStyle::bar; }},
    {telling, 0, "eta", Takes::nothing, "", "show the time that is left", [](L& l, S) { l.progress = ProgressStyle::eta; }},
    {telling, 0, "progress", Takes::nothing, "", "show how many run and are done",
     [](L& l, S) { l.progress = ProgressStyle::counts; }},
    {telling, 0, "no-progress", Takes::nothing, "", "show none, not even on a terminal",
     [](L& l, S) { l.progress = ProgressStyle::none; }, true},
    {telling, 0, "number-of-sockets|numberofsockets", Takes::nothing, "", "print it", [](L& l, S) { l.show = L::Show::sockets; }},
    {telling, 0, "number-of-cores|numberofcores", Takes::nothing, "", "print it", [](L& l, S) { l.show = L::Show::cores; }},
    {telling, 0, "number-of-cpus|numberofcpus", Takes::nothing, "", nullptr, [](L& l, S) { l.show = L::Show::cores; }},
    {telling, 0, "number-of-threads|numberofthreads", Takes::nothing, "", "print how many may be used",
     [](L& l, S) { l.show = L::Show::threads; }},
    {telling, 0, "max-line-length-allowed|maxlinelengthallowed", Takes::nothing, "", "print it", [](L& l, S) { l.show = L::Show::line_length; }},
    {telling, 0, "minversion|min-version", Takes::value, "N", nullptr, [](L& l, S v) { l.lowest_version = std::to_string(number(v)); }},
    {telling, 0, "will-cite|willcite|no-notice|nonotice|nn", Takes::nothing, "", nullptr, [](L&, S) {}},
    {telling, 0, "plain", Takes::nothing, "", nullptr, [](L& l, S) { l.plain = true; }},
    {telling, 0, "gnu", Takes::nothing, "", nullptr, [](L&, S) {}},
    {telling, 'h', "help", Takes::nothing, "", "show this", [](L& l, S) { l.show = L::Show::help; }},
    {telling, 'V', "version", Takes::nothing, "", "show the version", [](L& l, S) { l.show = L::Show::version; }},
};

}  // namespace

std::uint64_t seed_of(const std::string& text) {
    std::uint64_t seed = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw std::invalid_argument(fmt::format("'{}' is no whole number from 0 to {}", text, UINT64_MAX));
    }
    return seed;
}

std::span<const Option> option_table() {
    return table;
}

}  // namespace haid::cli
