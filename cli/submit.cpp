// `haid submit`: a line becomes a batch script, and that a job of Slurm's.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "cluster/slurm_commands.hpp"
#include "cluster/submission.hpp"
#include "cluster/submitted_runs.hpp"
#include "follow.hpp"
#include "print.hpp"
#include "submit_checks.hpp"
#include "system/command_path.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"
#include "system/tell.hpp"
#include "verbs.hpp"

namespace haid::cli {
namespace {

constexpr std::size_t longest_shown_line = 200;
constexpr std::chrono::seconds patience_with_shell{10};

struct Request {
    bool help = false;
    bool show = false;
    bool follow = false;
    std::string prologue;                    // a file
    std::vector<std::string> slurm_options;  // with their values attached
    std::vector<std::string> line;           // words after `haid`
};

// haid's own options among Slurm's. A new one is a row here.
struct OwnOption {
    const char* name;
    bool takes_value;
    void (*apply)(Request& request, const std::string& value);
};
constexpr OwnOption own_options[] = {
    {"--help", false, [](Request& r, const std::string&) { r.help = true; }},
    {"-h", false, [](Request& r, const std::string&) { r.help = true; }},
    {"--show", false, [](Request& r, const std::string&) { r.show = true; }},
    {"--follow", false, [](Request& r, const std::string&) { r.follow = true; }},
    {"--prologue", true, [](Request& r, const std::string& value) { r.prologue = value; }},
};

int print_help(const Personality& who) {
    print(
        "{0} submit [options] [Slurm's options] -- line: give a line to Slurm, to be run when there are nodes for "
        "it.\n\n"
        "  {0} submit -N4 --time=2:00:00 -- gzip -9 {{}} ::: *.txt\n"
        "  {0} submit -N4 -- --joblog log --resume < commands.txt\n"
        "  {0} submit -n8 --follow -- run fit_*.py\n\n"
        "The line is what you would type after {0}; it uses all nodes of the job. It is checked before anything is\n"
        "submitted: its options, files and scripts, and the folders of --output and --error. Standard input, where "
        "the\n"
        "line reads it, is stored. What is before -- is for sbatch, but for:\n\n"
        "  --show                       print the batch script, submit nothing\n"
        "  --follow                     wait for the job, show its output, end with its exit status\n"
        "  --prologue FILE              begin the script with FILE: #SBATCH lines, module load …, export …\n"
        "  -h, --help                   show this\n\n"
        "Unless you say otherwise the job has --job-name=haid --no-kill --open-mode=append. `{0} status` lists what "
        "was\n"
        "submitted, `{0} cancel NUMBER` (or last) ends it. Scripts and stored inputs are in ~/.cache/haid/runs\n"
        "(HAID_RUN_FOLDER: in another folder that all nodes see); `{0} status` removes those of runs that ended more\n"
        "than 30 days ago.\n\n"
        "Exit status: 0 submitted (with --follow: the job's own); what sbatch ended with; 255 something else.\n",
        who.name);
    return 0;
}

Request read_request(const std::vector<std::string>& words, const Personality& who) {
    Request request;
    const auto separator = std::find(words.begin(), words.end(), "--");
    std::vector<std::string> others;
    for (auto word = words.begin(); word != separator; ++word) {
        const std::string name = word->substr(0, word->starts_with("--") ? word->find('=') : std::string::npos);
        const auto own = std::find_if(std::begin(own_options), std::end(own_options),
                                      [&](const OwnOption& option) { return name == option.name; });
        if (own == std::end(own_options)) {
            others.push_back(*word);
        } else if (!own->takes_value) {
            if (name != *word) throw UsageError(fmt::format("the option {} takes no value", name));
            own->apply(request, "");
        } else if (name != *word) {
            own->apply(request, word->substr(name.size() + 1));
        } else {
            if (std::next(word) == separator) throw UsageError(fmt::format("the option {} needs a value", name));
            own->apply(request, *++word);
        }
    }
    if (request.help) return request;
    if (separator == words.end()) {
        throw UsageError(
            fmt::format("what is to be run? It comes after --, as in {0} submit -N2 -- gzip {{}} ::: *.txt, "
                        "or {0} submit -N2 -- < commands.txt; see {0} submit --help",
                        who.name));
    }
    request.slurm_options = cluster::attach_values(others);
    request.line.assign(separator + 1, words.end());
    // A line may be given with the program's name, as it would be typed.
    if (!request.line.empty() && request.line.front() == who.name) request.line.erase(request.line.begin());
    return request;
}

// Whether the shell understands it, before it does so in the job. The text: a pipe can be read only once.
void check_syntax(const std::string& interpreter, const std::string& text, const std::string& path) {
    std::istringstream words(interpreter.substr(2));
    std::vector<std::string> shell;
    for (std::string word; words >> word;) shell.push_back(word);
    if (::access(shell.front().c_str(), X_OK) != 0) return;  // the nodes may have it
    shell.emplace_back("-n");
    const system::Descriptor copy = system::unlinked_file(std::filesystem::temp_directory_path());
    system::write_all(copy.get(), text, "a temporary file");
    const nodes::Said said =
        nodes::run_and_listen(shell, patience_with_shell, fmt::format("/proc/self/fd/{}", copy.get()));
    if (said.in_time && said.exit_status != 0) {
        const std::string why = said.err.substr(0, said.err.find_last_not_of('\n') + 1);
        throw UsageError(fmt::format("the prologue '{}' is wrong: {}", path, why));
    }
}

cluster::Prologue read_prologue(const std::string& path) {
    if (path.empty()) return {};
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK) != 0) {
        throw UsageError(fmt::format("cannot read the prologue '{}': {}", path, system::reason(errno)));
    }
    if (S_ISDIR(status.st_mode)) throw UsageError(fmt::format("the prologue '{}' is a folder", path));
    const std::string text = system::read_file(path);
    cluster::Prologue prologue;
    try {
        prologue = cluster::parse_prologue(text);
    } catch (const std::invalid_argument& error) {
        throw UsageError(fmt::format("the prologue '{}': {}", path, error.what()));
    }
    check_syntax(prologue.interpreter, text, path);
    return prologue;
}

// All that Slurm will be told, what counts most last.
std::vector<std::string> all_options(const Request& request, const cluster::Prologue& prologue) {
    std::vector<std::string> options = cluster::options_of(prologue.directives);
    options.insert(options.end(), request.slurm_options.begin(), request.slurm_options.end());
    return options;
}

bool has(const std::vector<std::string>& options, char letter, std::string_view name, std::size_t least) {
    return cluster::option_value(options, {letter, name, least}).has_value();
}

void check_options(const Request& request, const std::vector<std::string>& options) {
    if (has(options, 'W', "wait", 4)) throw UsageError("--wait: `haid submit --follow` waits, and shows the output");
    if (request.follow && has(options, 'a', "array", 2)) {
        throw UsageError("--follow does not go with an array of jobs: each of them runs the whole line");
    }
}

// Files that are there already, to which the job will append.
std::map<std::string, std::uint64_t> sizes_before(const std::vector<std::string>& options) {
    std::map<std::string, std::uint64_t> sizes;
    for (const cluster::OptionName& name : {cluster::OptionName{'o', "output", 2}, {'e', "error", 2}}) {
        const auto value = cluster::option_value(options, name);
        struct stat status {};
        if (!value) continue;
        const std::string path = value->starts_with('/') ? *value : first_folder(options) + "/" + *value;
        if (::stat(path.c_str(), &status) == 0) sizes[path] = static_cast<std::uint64_t>(status.st_size);
    }
    return sizes;
}

cluster::Submission submission_for(const Request& request, cluster::Prologue prologue, bool until_done) {
    cluster::Submission submission;
    submission.program = std::filesystem::read_symlink("/proc/self/exe").string();
    submission.line = request.line;
    submission.options = request.slurm_options;
    // A job that is to put itself back into the queue must be allowed to.
    if (until_done) submission.options.insert(submission.options.begin(), "--requeue");
    submission.prologue = std::move(prologue);
    return submission;
}

// The script alone. A file that is standard input is named in it; what a pipe holds is not stored.
int show(cluster::Submission submission, bool reads_input, const Personality& who) {
    struct stat status {};
    if (reads_input) {
        const bool file = ::fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode);
        submission.input = file ? std::filesystem::read_symlink("/proc/self/fd/0").string()
                                : cluster::input_in(cluster::new_run_path());
        if (!file) system::tell("{}: --show stores nothing: '{}' is not there\n", who.name, *submission.input);
    }
    print_text(batch_script(submission));
    return 0;
}

// Where Slurm says that the output will be; empty where it does not say.
std::string output_of(const cluster::SubmittedRun& run) {
    const cluster::Seen seen = cluster::look_at_job(run.number, run.cluster);
    if (seen.jobs.size() != 1) return "";
    const cluster::SlurmJob& job = seen.jobs.front();
    const char* user = std::getenv("USER");
    const auto path = cluster::expand_pattern(job.output, {job.number, job.name, user ? user : "", job.first_node});
    return path.value_or(job.output);
}

// Prints what Slurm said. Returns the exit status where nothing was submitted.
std::optional<int> answer_of(const cluster::Submitted& submitted, cluster::RunFolder& folder, const Personality& who) {
    system::tell("{}", submitted.said.err);
    if (!submitted.said.in_time) {
        folder.keep();
        system::tell(
            "{}: error: sbatch has not answered in time: whether the job was submitted is not known. Look "
            "with squeue; the script is {}\n",
            who.name, cluster::script_in(folder.path()));
        return 255;
    }
    if (!submitted.number.empty()) return std::nullopt;
    print_text(submitted.said.out);
    return submitted.said.exit_status;
}

int submit(const Request& request, cluster::Submission submission, const std::vector<std::string>& options,
           bool reads_input, const Personality& who) {
    cluster::RunFolder folder(cluster::new_run_path());
    if (reads_input) {
        if (folder.store_input(STDIN_FILENO) == 0) throw UsageError("standard input is empty: there is nothing to run");
        submission.input = cluster::input_in(folder.path());
    }
    folder.write_script(batch_script(submission));
    FollowedJob followed{"", "", sizes_before(options)};
    const cluster::Submitted submitted = cluster::submit(request.slurm_options, cluster::script_in(folder.path()));
    if (auto status = answer_of(submitted, folder, who)) return *status;
    folder.keep();
    cluster::SubmittedRun run;
    run.folder = folder.path();
    run.number = followed.number = submitted.number;
    run.cluster = followed.cluster = submitted.cluster;
    run.name = cluster::on_one_line(cluster::option_value(options, {'J', "job-name", 3}).value_or("haid"), 60);
    run.line = cluster::on_one_line(cluster::quoted_line(request.line), longest_shown_line);
    if (reads_input) run.line += run.line.empty() ? "< input" : " < input";
    cluster::remember(run);
    if (has(request.slurm_options, '\0', "parsable", 3)) {
        print_text(submitted.said.out);
    } else {
        const std::string output = has(options, 'a', "array", 2) ? "" : output_of(run);
        const std::string told = fmt::format("{}: submitted job {}{}\n", who.name, run.number,
                                             output.empty() ? "" : fmt::format("; its output will be in {}", output));
        request.follow ? system::tell_text(told) : print_text(told);
    }
    return request.follow ? follow(followed, who) : 0;
}

}  // namespace

int submit_line(const std::vector<std::string>& words, const Personality& who) {
    const Request request = read_request(words, who);
    if (request.help) return print_help(who);
    const cluster::Prologue prologue = read_prologue(request.prologue);
    const std::vector<std::string> options = all_options(request, prologue);
    check_options(request, options);
    // Slurm itself may be told to open a file as standard input.
    const LineFacts line = check_line(request.line, options, !request.prologue.empty(), who);
    const bool reads_input = line.reads_input && !has(options, 'i', "input", 3);
    check_folders(options, who);
    if (request.show) return show(submission_for(request, prologue, line.until_done), reads_input, who);
    if (!system::CommandPath().find("sbatch")) {
        throw UsageError("Slurm's sbatch is not in PATH: is this a cluster's login node?");
    }
    if (reads_input && ::isatty(STDIN_FILENO) == 1) {
        throw UsageError(
            "the line reads its inputs from standard input, which is the terminal: give them after :::, "
            "as a file (< commands.txt), or through a pipe");
    }
    return submit(request, submission_for(request, prologue, line.until_done), options, reads_input, who);
}

}  // namespace haid::cli
