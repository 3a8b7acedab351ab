#include "command/output/result_table.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "command/output/past_rows.hpp"
#include "command/output/printer.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

// One line for each job, in a file or on standard output.
class TableResults : public Results {
  public:
    TableResults(const std::string& where, char separator, Printer& printer, Past past)
        : printer_(printer), path_(where) {
        if (where.starts_with("-.")) return;
        if (past == Past::looked_at && ::access(where.c_str(), F_OK) != 0) return;
        const int how = past == Past::none      ? O_WRONLY | O_CREAT | O_TRUNC
                        : past == Past::goes_on ? O_RDWR | O_CREAT | O_APPEND
                                                : O_RDONLY;
        file_ = system::open_file(where, how);
        struct stat status {};
        system::check(::fstat(file_.get(), &status), "cannot look at the table");
        regular_ = S_ISREG(status.st_mode);
        if (past == Past::none || !regular_) return;
        past_ = read_rows(file_.get(), separator, where);
        if (past == Past::goes_on && past_.whole_size < static_cast<std::uint64_t>(status.st_size)) {
            system::check(::ftruncate(file_.get(), static_cast<off_t>(past_.whole_size)), "cannot mend the table");
        }
    }
    PastJobs* past() override { return &past_.jobs; }

  protected:
    void write(const std::string& row) {
        if (!file_) return printer_.print(Stream::output, row);
        const off_t end = regular_ ? ::lseek(file_.get(), 0, SEEK_END) : 0;
        try {
            system::write_all(file_.get(), row, fmt::format("'{}'", path_).c_str());
        } catch (const system::SystemError&) {
            [[maybe_unused]] int cut = regular_ ? ::ftruncate(file_.get(), end) : 0;
            throw;
        }
    }
    const std::vector<std::string>& past_columns() const { return past_.columns; }

  private:
    Printer& printer_;
    std::string path_;
    system::Descriptor file_;
    bool regular_ = false;
    PastRows past_;
};

class SeparatedResults : public TableResults {
  public:
    SeparatedResults(const std::string& where, char separator, std::vector<std::string> names, Printer& printer,
                     Past past)
        : TableResults(where, separator, printer, past),
          separator_(separator),
          names_(std::move(names)),
          columns_(past_columns()) {}

    void keep(FinishedJob& finished) override {
        const Job& job = finished.job;
        const schedule::Ending ending = finished.ending();
        if (columns_.empty()) begin(job.from_log ? Arguments() : job.arguments);
        std::vector<std::string> fields = {std::to_string(job.sequence),
                                           finished.end.host,
                                           fmt::format("{:.3f}", ending.start),
                                           fmt::format("{:.3f}", finished.end.seconds),
                                           "0",
                                           std::to_string(ending.output_bytes),
                                           std::to_string(ending.exit_status),
                                           std::to_string(ending.signal),
                                           job.line};
        if (!job.from_log) {
            if (!job.arguments.script.empty()) fields.push_back(job.arguments.script);
            fields.insert(fields.end(), job.arguments.values.begin(), job.arguments.values.end());
        } else {
            fields.resize(columns_.size() - 2);
        }
        fields.push_back(finished.end.output.text());
        fields.push_back(finished.end.error.text());
        write(row(fields));
    }

  private:
    // Those of the first job, where there are no rows yet.
    void begin(const Arguments& arguments) {
        columns_ = {"Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command"};
        if (!arguments.script.empty()) columns_.emplace_back("Script");
        for (std::size_t i = 0; i < arguments.values.size(); ++i) {
            columns_.push_back(i < names_.size() ? names_[i] : fmt::format("V{}", i + 1));
        }
        columns_.insert(columns_.end(), {"Stdout", "Stderr"});
        write(row(columns_));
    }

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
    std::vector<std::string> columns_;
};

class JsonResults : public TableResults {
  public:
    JsonResults(const std::string& where, Printer& printer, Past past) : TableResults(where, 0, printer, past) {}

    void keep(FinishedJob& finished) override {
        const Job& job = finished.job;
        const schedule::Ending ending = finished.ending();
        const std::string& script = job.arguments.script;
        std::string values;
        for (const std::string& value : job.from_log ? std::vector<std::string>() : job.arguments.values) {
            if (!values.empty()) values += ',';
            values += string(value);
        }
        write(
            fmt::format("{{ \"Seq\": {}, \"Host\": {}, \"Starttime\": {:.3f}, \"JobRuntime\": {:.3f}, \"Send\": 0, "
                        "\"Receive\": {}, \"Exitval\": {}, \"Signal\": {}, \"Command\": {}, {}\"V\": [ {} ], "
                        "\"Stdout\": {}, \"Stderr\": {} }}\n",
                        job.sequence, string(finished.end.host), ending.start, finished.end.seconds,
                        ending.output_bytes, ending.exit_status, ending.signal, string(job.line),
                        script.empty() ? "" : fmt::format("\"Script\": {}, ", string(script)), values,
                        string(finished.end.output.text()), string(finished.end.error.text())));
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

std::unique_ptr<Results> make_table(const std::string& where, const std::vector<std::string>& names, Printer& printer,
                                    Past past) {
    if (where.ends_with(".csv")) return std::make_unique<SeparatedResults>(where, ',', names, printer, past);
    if (where.ends_with(".tsv")) return std::make_unique<SeparatedResults>(where, '\t', names, printer, past);
    if (where.ends_with(".json")) return std::make_unique<JsonResults>(where, printer, past);
    return nullptr;
}

}  // namespace haid::command
