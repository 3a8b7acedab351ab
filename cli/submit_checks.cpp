#include "submit_checks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "cluster/submission.hpp"
#include "command/input/inputs.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"
#include "system/tell.hpp"
#include "verbs.hpp"

namespace haid::cli {
namespace {

namespace fs = std::filesystem;

constexpr cluster::OptionName output_option{'o', "output", 2}, error_option{'e', "error", 2};
constexpr cluster::OptionName folder_option{'D', "chdir", 2};

// While it lives the program is in another folder.
class InFolder {
  public:
    explicit InFolder(const std::string& folder) : before_(system::open_file(".", O_RDONLY | O_DIRECTORY)) {
        entered_ = ::chdir(folder.c_str()) == 0;
    }
    ~InFolder() {
        // It was open: it can be entered.
        if (::fchdir(before_.get()) != 0) ::_exit(255);
    }
    InFolder(const InFolder&) = delete;
    InFolder& operator=(const InFolder&) = delete;
    bool entered() const { return entered_; }

  private:
    system::Descriptor before_;
    bool entered_;
};

// A file that is to be written, or made. Throws UsageError.
void check_writable(const std::string& what, const fs::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) throw UsageError(fmt::format("{}: '{}' is a folder", what, path.string()));
        if (::access(path.c_str(), W_OK) == 0) return;
        throw UsageError(fmt::format("{}: cannot write '{}': {}", what, path.string(), system::reason(errno)));
    }
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    if (::stat(folder.c_str(), &status) != 0) {
        throw UsageError(fmt::format("{}: the folder '{}' is missing: mkdir -p it first", what, folder.string()));
    }
    if (!S_ISDIR(status.st_mode)) throw UsageError(fmt::format("{}: '{}' is no folder", what, folder.string()));
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        throw UsageError(fmt::format("{}: cannot write into '{}': {}", what, folder.string(), system::reason(errno)));
    }
}

// Up to the first component with a pattern.
fs::path known_part(const fs::path& pattern) {
    fs::path known;
    for (const fs::path& part : pattern) {
        known /= part;
        if (part.string().find('%') != std::string::npos) break;
    }
    return known;
}

void check_inputs(const command::RunSettings& run) {
    for (const command::SourceSetting& source : run.input.sources) {
        struct stat status {};
        if (!source.is_file || source.path == "-" || ::stat(source.path.c_str(), &status) != 0) continue;
        if (S_ISFIFO(status.st_mode) || source.path.starts_with("/dev/fd/") || source.path.starts_with("/proc/")) {
            throw UsageError(
                fmt::format("'{}' will be gone when the job begins: give it as standard input, which is "
                            "stored, or as a file",
                            source.path));
        }
    }
    if (run.resume != command::Resume::retry_failed) {
        system::SpoolStore store(run.temporary_folder, run.output_memory);
        command::InputSettings settings = run.input;
        settings.read_ahead = settings.shuffle = false;
        command::Records opened(settings, store);
    } else if (::access(run.job_log.c_str(), R_OK) != 0) {
        throw UsageError(fmt::format("cannot read the job log '{}': {}", run.job_log, system::reason(errno)));
    }
    command::Template::command(run.command, run.strings);
    if (run.tag) command::Template::text(*run.tag, run.strings);
}

}  // namespace

std::string first_folder(const std::vector<std::string>& options) {
    const fs::path folder =
        fs::absolute(cluster::option_value(options, folder_option).value_or(".")).lexically_normal();
    return folder.has_filename() ? folder : folder.parent_path();  // without a slash at its end
}

void check_folders(const std::vector<std::string>& options, const Personality& who) {
    const std::string folder = first_folder(options);
    // It may be one that only the nodes have.
    const InFolder there(folder);
    auto check = [&](const std::string& what, const std::string& path) {
        if (!path.starts_with('/') && !there.entered()) return;
        const fs::path known = known_part(path);
        check_writable(what, known);
        if (known != fs::path(path)) {
            system::tell("{}: {}: a folder '{}' must be there when the job begins: Slurm makes none\n", who.name, what,
                         known.string());
        }
    };
    if (auto output = cluster::option_value(options, output_option)) {
        check("--output", *output);
    } else {
        check("Slurm's output (another place: --output FILE)", folder + "/slurm-%j.out");
    }
    if (auto error = cluster::option_value(options, error_option)) check("--error", *error);
}

LineFacts check_line(const std::vector<std::string>& words, const std::vector<std::string>& options, bool has_prologue,
                     const Personality& who) {
    const InFolder there(first_folder(options));
    if (!there.entered()) {
        system::tell(
            "{}: the folder '{}' of --chdir is not on this machine: whether the line's files are there "
            "is not known\n",
            who.name, first_folder(options));
    }
    const Looks looks = !there.entered() ? Looks::nothing : has_prologue ? Looks::no_interpreters : Looks::all;
    const CommandLine line = read_line(words, who, looks);
    LineFacts facts;
    facts.until_done = line.until_done;
    facts.reads_input = line.run.input.sources.empty() && line.run.resume != command::Resume::retry_failed;
    for (const auto& source : line.run.input.sources) {
        facts.reads_input = facts.reads_input || (source.is_file && source.path == "-");
    }
    if (!there.entered()) return facts;
    check_inputs(line.run);
    if (!line.run.job_log.empty() && !line.run.prints_job_log()) check_writable("--joblog", line.run.job_log);
    return facts;
}

}  // namespace haid::cli
