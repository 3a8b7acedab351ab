#include "cluster/submitted_runs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>

#include "nodes/allocation.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"

namespace haid::cluster {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kept_for{30 * 24};

std::string runs_folder() {
    return nodes::run_folder() + "/runs";
}

std::string job_in(const std::string& folder) {
    return folder + "/job";
}

// A line of the file `job` is a name, a blank and its value.
struct Field {
    const char* name;
    std::string SubmittedRun::*member;
};
constexpr Field fields[] = {{"number", &SubmittedRun::number}, {"cluster", &SubmittedRun::cluster},
                            {"state", &SubmittedRun::state},   {"time", &SubmittedRun::time},
                            {"nodes", &SubmittedRun::nodes},   {"name", &SubmittedRun::name},
                            {"line", &SubmittedRun::line}};

void write_file(const std::string& path, std::string_view text) {
    const system::Descriptor file = system::open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    const std::string what = fmt::format("'{}'", path);
    system::write_all(file.get(), text, what.c_str());
}

// Of a file that is not there before Slurm has the job.
std::string text_of(const std::string& path) {
    try {
        return system::read_file(path);
    } catch (const system::SystemError& error) {
        if (error.error() == ENOENT) return {};
        throw;
    }
}

SubmittedRun read_run(const std::string& folder) {
    SubmittedRun run;
    run.folder = folder;
    const std::string all = text_of(job_in(folder));
    std::string_view text = all;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        const std::size_t blank = std::min(line.find(' '), line.size());
        for (const Field& field : fields) {
            if (line.substr(0, blank) == field.name) run.*field.member = line.substr(std::min(blank + 1, line.size()));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return run;
}

}  // namespace

std::string SubmittedRun::when() const {
    std::string stamp = fs::path(folder).filename();
    if (stamp.size() < 15) return stamp;
    return fmt::format("{}-{}-{} {}:{}", stamp.substr(0, 4), stamp.substr(4, 2), stamp.substr(6, 2), stamp.substr(9, 2),
                       stamp.substr(11, 2));
}

std::string script_in(const std::string& folder) {
    return folder + "/script";
}

std::string input_in(const std::string& folder) {
    return folder + "/input";
}

std::string new_run_path() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    char text[32] = "";
    std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
    return fmt::format("{}/{}-{}", runs_folder(), text, ::getpid());
}

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
    std::error_code error;
    fs::create_directories(fs::path(path_).parent_path(), error);
    if (error)
        throw system::SystemError(error.value(),
                                  fmt::format("cannot make the folder of '{}' (HAID_RUN_FOLDER names another)", path_));
    // Another login node may have made one in the same second, by a process of the same number.
    for (const std::string wanted = path_; ::mkdir(path_.c_str(), 0700) != 0; path_ += "x") {
        if (errno != EEXIST)
            system::throw_errno(fmt::format("cannot make the folder '{}' (HAID_RUN_FOLDER names another)", wanted));
    }
}

RunFolder::~RunFolder() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(path_, ignored);
}

std::size_t RunFolder::store_input(int from) {
    const std::string path = input_in(path_);
    const system::Descriptor to = system::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    const std::string what = fmt::format("the input to '{}'", path);
    std::string buffer(256 * 1024, '\0');
    for (std::size_t all = 0;;) {
        const ssize_t size = system::uninterrupted([&] { return ::read(from, buffer.data(), buffer.size()); });
        system::check(size, "cannot read standard input");
        if (size == 0) return all;
        system::write_all(to.get(), {buffer.data(), static_cast<std::size_t>(size)}, what.c_str());
        all += static_cast<std::size_t>(size);
    }
}

void RunFolder::write_script(const std::string& script) {
    write_file(script_in(path_), script);
}

void remember(const SubmittedRun& run) {
    std::string text;
    for (const Field& field : fields) text += fmt::format("{} {}\n", field.name, run.*field.member);
    const std::string path = job_in(run.folder);
    const std::string fresh = fmt::format("{}.{}", path, ::getpid());
    write_file(fresh, text);
    if (::rename(fresh.c_str(), path.c_str()) != 0) system::throw_errno(fmt::format("cannot write '{}'", path));
}

std::vector<SubmittedRun> submitted_runs() {
    std::vector<SubmittedRun> runs;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(runs_folder(), ignored)) {
        if (entry.is_directory(ignored)) runs.push_back(read_run(entry.path()));
    }
    std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.folder < b.folder; });
    return runs;
}

void remove_old_runs(const std::vector<SubmittedRun>& runs) {
    for (const SubmittedRun& run : runs) {
        if (!run.number.empty() && run.state.empty()) continue;
        std::error_code error;
        const auto written = fs::last_write_time(run.folder, error);
        if (!error && fs::file_time_type::clock::now() - written > kept_for) fs::remove_all(run.folder, error);
    }
}

std::string on_one_line(const std::string& text, std::size_t most) {
    std::string line;
    for (char c : text) line += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
    if (line.size() <= most) return line;
    // Not within a character of several bytes.
    while (most > 0 && (static_cast<unsigned char>(line[most]) & 0xC0) == 0x80) --most;
    return line.substr(0, most) + "…";
}

}  // namespace haid::cluster
