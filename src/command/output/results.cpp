#include "command/output/results.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "command/output/result_places.hpp"
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

class FolderResults : public Results {
  public:
    FolderResults(const std::string& where, const TemplateSettings& settings,
                  std::function<void(const std::string&)> say)
        : places_(where, settings, std::move(say)) {}

    void keep(FinishedJob& finished) override {
        keep_in_files(*finished.job.results, finished.end.output, finished.end.error);
        mark(finished);
    }

    void mark(const FinishedJob& finished) override { mark_in_files(*finished.job.results, finished.ending()); }

    ResultPlaces* places() override { return &places_; }

    std::optional<bool> succeeded(const Job& job) const override {
        if (!job.results || ::access(job.results->sequence.c_str(), F_OK) != 0) return std::nullopt;
        return ::access(status_path(*job.results).c_str(), F_OK) != 0;
    }

  private:
    ResultPlaces places_;
};

}  // namespace

void keep_in_files(const ResultPaths& paths, system::Spool& output, system::Spool& error) {
    make_folder_of(paths.output);
    remove_file(paths.sequence);
    write_file(paths.output, output);
    write_file(paths.error, error);
}

void mark_in_files(const ResultPaths& paths, const schedule::Ending& ending) {
    make_folder_of(paths.sequence);
    if (ending.succeeded()) {
        remove_file(status_path(paths));
    } else {
        write_text(status_path(paths), fmt::format("{} {}\n", ending.exit_status, ending.signal));
    }
    write_text(paths.sequence, std::to_string(ending.which));
}

std::unique_ptr<Results> make_results(const std::string& where, const TemplateSettings& settings, Printer& printer,
                                      Past past, std::function<void(const std::string&)> say) {
    if (auto table = make_table(where, settings.names, printer, past)) return table;
    return std::make_unique<FolderResults>(where, settings, std::move(say));
}

}  // namespace haid::command
