#include "command/output/results.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "command/output/printer.hpp"
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
        keep_in_files(paths_of(finished.job), finished.job.sequence, finished.output, finished.error);
    }

    std::optional<ResultPaths> paths(const Job& job) const override { return paths_of(job); }

    bool has(const Job& job) override { return ::access(paths_of(job).sequence.c_str(), F_OK) == 0; }

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

// One line for each job, in a file or on standard output.
class TableResults : public Results {
  public:
    TableResults(const std::string& where, Printer& printer) : printer_(printer), path_(where) {
        if (!where.starts_with("-.")) file_ = system::open_file(where, O_WRONLY | O_CREAT | O_TRUNC);
    }
    bool has(const Job&) override { return false; }

  protected:
    void write(const std::string& text) {
        if (file_) {
            system::write_all(file_.get(), text, fmt::format("'{}'", path_).c_str());
        } else {
            printer_.print(Stream::output, text);
        }
    }

  private:
    Printer& printer_;
    std::string path_;
    system::Descriptor file_;
};

class SeparatedResults : public TableResults {
  public:
    SeparatedResults(const std::string& where, char separator, std::vector<std::string> names, Printer& printer)
        : TableResults(where, printer), separator_(separator), names_(std::move(names)) {}

    void keep(FinishedJob& finished) override {
        const Job& job = finished.job;
        const Outcome& outcome = finished.outcome;
        if (!header_written_) {
            std::vector<std::string> header = {"Seq",     "Host",    "Starttime", "JobRuntime", "Send",
                                               "Receive", "Exitval", "Signal",    "Command"};
            for (std::size_t i = 0; i < job.arguments.values.size(); ++i) {
                header.push_back(i < names_.size() ? names_[i] : fmt::format("V{}", i + 1));
            }
            header.insert(header.end(), {"Stdout", "Stderr"});
            write(row(header));
            header_written_ = true;
        }
        std::vector<std::string> fields = {std::to_string(job.sequence),
                                           ":",
                                           fmt::format("{:.3f}", outcome.start),
                                           fmt::format("{:.3f}", outcome.seconds),
                                           "0",
                                           std::to_string(outcome.output_bytes),
                                           std::to_string(outcome.exit_status),
                                           std::to_string(outcome.signal),
                                           job.line};
        fields.insert(fields.end(), job.arguments.values.begin(), job.arguments.values.end());
        fields.push_back(finished.output.text());
        fields.push_back(finished.error.text());
        write(row(fields));
    }

  private:
    // RFC 4180, but that white space asks for quotes too.
    std::string row(const std::vector<std::string>& fields) const {
        std::string line;
        for (const std::string& field : fields) {
            if (&field != &fields.front()) line += separator_;
            bool quoted = field.find_first_of(" \t\n\r\f\v\"") != std::string::npos ||
                          field.find(separator_) != std::string::npos;
            if (!quoted) {
                line += field;
                continue;
            }
            line += '"';
            for (char c : field) line.append(c == '"' ? 2 : 1, c);
            line += '"';
        }
        return line + "\n";
    }

    char separator_;
    std::vector<std::string> names_;
    bool header_written_ = false;
};

class JsonResults : public TableResults {
  public:
    using TableResults::TableResults;

    void keep(FinishedJob& finished) override {
        const Job& job = finished.job;
        const Outcome& outcome = finished.outcome;
        std::string values;
        for (const std::string& value : job.arguments.values) {
            if (!values.empty()) values += ',';
            values += string(value);
        }
        write(fmt::format(
            "{{ \"Seq\": {}, \"Host\": \":\", \"Starttime\": {:.3f}, \"JobRuntime\": {:.3f}, \"Send\": 0, "
            "\"Receive\": {}, \"Exitval\": {}, \"Signal\": {}, \"Command\": {}, \"V\": [ {} ], "
            "\"Stdout\": {}, \"Stderr\": {} }}\n",
            job.sequence, outcome.start, outcome.seconds, outcome.output_bytes, outcome.exit_status, outcome.signal,
            string(job.line), values, string(finished.output.text()), string(finished.error.text())));
    }

  private:
    // RFC 8259; bytes that are no UTF-8 stay as they are, for there is no other way to keep them.
    static std::string string(const std::string& text) {
        std::string quoted = "\"";
        for (char c : text) {
            if (c == '"' || c == '\\') {
                quoted += '\\';
                quoted += c;
            } else if (static_cast<unsigned char>(c) < 0x20) {
                quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
            } else {
                quoted += c;
            }
        }
        return quoted + "\"";
    }
};

}  // namespace

void keep_in_files(const ResultPaths& paths, std::uint64_t sequence, system::Spool& output, system::Spool& error) {
    std::size_t slash = paths.output.rfind('/');
    if (slash != std::string::npos) make_folders(paths.output.substr(0, slash));
    write_file(paths.output, output);
    write_file(paths.error, error);
    system::Descriptor file = system::open_file(paths.sequence, O_WRONLY | O_CREAT | O_TRUNC);
    system::write_all(file.get(), std::to_string(sequence), paths.sequence.c_str());
}

std::unique_ptr<Results> make_results(const std::string& where, const TemplateSettings& settings, Printer& printer) {
    if (where.ends_with(".csv")) return std::make_unique<SeparatedResults>(where, ',', settings.names, printer);
    if (where.ends_with(".tsv")) return std::make_unique<SeparatedResults>(where, '\t', settings.names, printer);
    if (where.ends_with(".json")) return std::make_unique<JsonResults>(where, printer);
    return std::make_unique<FolderResults>(where, settings);
}

}  // namespace haid::command
