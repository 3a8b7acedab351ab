#include "command/output/results.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <string_view>

#include "command/output/result_table.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

void make_folders(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) throw system::SystemError(error.value(), fmt::format("cannot make the folder '{}'", path));
}

void write_file(const std::string& path, system::Spool& data) {
    system::Descriptor file = system::open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    try {
        data.drain_to(file.get(), 1024 * 1024);
    } catch (const system::SystemError& error) {
        throw system::SystemError(error.error(), fmt::format("cannot write '{}'", path));
    }
}

// Of a job that has failed, beside the file with its number.
std::string status_path(const ResultPaths& paths) {
    constexpr std::string_view sequence = "seq";
    return paths.sequence.substr(0, paths.sequence.size() - sequence.size()) + "status";
}

void make_folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash != std::string::npos) make_folders(path.substr(0, slash));
}

void write_text(const std::string& path, const std::string& text) {
    system::Descriptor file = system::open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    system::write_all(file.get(), text, fmt::format("'{}'", path).c_str());
}

void remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) system::throw_errno(fmt::format("cannot remove '{}'", path));
}

// A folder name of a value: what a folder name cannot hold is written as \t, \0, \\ and \_ (for /), as GNU parallel
// does.
std::string folder_name(const std::string& value) {
    constexpr std::size_t longest_name = 255;  // NAME_MAX of every file system in use
    std::string name;
    for (char c : value) {
        switch (c) {
            case '\\':
                name += "\\\\";
                break;
            case '\t':
                name += "\\t";
                break;
            case '/':
                name += "\\_";
                break;
            default:
                name += c;
        }
    }
    return name.substr(0, longest_name);
}

class FolderResults : public Results {
  public:
    FolderResults(std::string where, const TemplateSettings& settings)
        : where_(std::move(where)), template_(Template::text(where_, settings)), names_(settings.names) {}

    void keep(FinishedJob& finished) override {
        const ResultPaths paths = paths_of(finished.job);
        keep_in_files(paths, finished.output, finished.error);
        mark_in_files(paths, finished.job.sequence, finished.outcome);
    }

    void mark(const FinishedJob& finished) override {
        mark_in_files(paths_of(finished.job), finished.job.sequence, finished.outcome);
    }

    std::optional<ResultPaths> paths(const Job& job) const override { return paths_of(job); }

    std::optional<bool> succeeded(const Job& job) const override {
        const ResultPaths paths = paths_of(job);
        if (::access(paths.sequence.c_str(), F_OK) != 0) return std::nullopt;
        return ::access(status_path(paths).c_str(), F_OK) != 0;
    }

  private:
    ResultPaths paths_of(const Job& job) const {
        std::string base = template_.has_replacements() ? template_.fill(job.arguments, job.sequence, job.slot)
                                                        : where_ + "/" + arguments_path(job.arguments) + "/";
        if (base.ends_with('/')) return {base + "stdout", base + "stderr", base + "seq"};
        return {base, base + ".err", base + ".seq"};
    }

    // name/value/name/value…: columns in the order of their names, numbers first.
    std::string arguments_path(const Arguments& arguments) const {
        std::string path;
        std::size_t at = 0;
        while (at < arguments.values.size()) {
            std::size_t end = at + 1;
            while (end < arguments.values.size() && arguments.columns[end] != 1) ++end;
            std::vector<std::size_t> order(end - at);
            std::iota(order.begin(), order.end(), 0);
            std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
                int x = std::atoi(name_of(a).c_str()), y = std::atoi(name_of(b).c_str());
                return x != y ? x < y : name_of(a) < name_of(b);
            });
            for (std::size_t column : order) {
                if (!path.empty()) path += '/';
                path += name_of(column) + "/" + folder_name(arguments.values[at + column]);
            }
            at = end;
        }
        return path;
    }

    std::string name_of(std::size_t column) const {
        return column < names_.size() ? names_[column] : std::to_string(column + 1);
    }

    std::string where_;
    Template template_;
    std::vector<std::string> names_;
};

}  // namespace

void keep_in_files(const ResultPaths& paths, system::Spool& output, system::Spool& error) {
    make_folder_of(paths.output);
    remove_file(paths.sequence);
    write_file(paths.output, output);
    write_file(paths.error, error);
}

void mark_in_files(const ResultPaths& paths, std::uint64_t sequence, const Outcome& outcome) {
    make_folder_of(paths.sequence);
    if (outcome.succeeded()) {
        remove_file(status_path(paths));
    } else {
        write_text(status_path(paths), fmt::format("{} {}\n", outcome.exit_status, outcome.signal));
    }
    write_text(paths.sequence, std::to_string(sequence));
}

std::unique_ptr<Results> make_results(const std::string& where, const TemplateSettings& settings, Printer& printer,
                                      Past past) {
    if (auto table = make_table(where, settings.names, printer, past)) return table;
    return std::make_unique<FolderResults>(where, settings);
}

}  // namespace haid::command
