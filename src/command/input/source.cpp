#include "command/input/source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "command/input/record_reader.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

bool blank(std::string_view text) {
    return text.find_first_not_of(" \t\n\r\f\v") == std::string_view::npos;
}

// Makes values of the records of one source.
class RecordFilter {
  public:
    explicit RecordFilter(const RecordRules& rules) : rules_(rules) {}

    // Whether `value` is one now; else the record says nothing, or only how the next one begins.
    bool take(std::string_view record, std::string& value) {
        if (record == rules_.end_marker) {
            ended_ = true;
            return finish(value);
        }
        joined_.append(record);
        if (rules_.skip_blank && blank(joined_)) {
            joined_.clear();
            joining_ = false;
            return false;
        }
        joining_ =
            rules_.join_continued && !joined_.empty() && blank(std::string_view(joined_).substr(joined_.size() - 1));
        if (joining_) return false;
        value = std::exchange(joined_, {});
        return true;
    }
    // The same for a record that was to go on after the last one.
    bool finish(std::string& value) {
        value = std::exchange(joined_, {});
        return std::exchange(joining_, false);
    }
    // No record after this one counts.
    bool ended() const { return ended_; }

  private:
    RecordRules rules_;
    std::string joined_;
    bool joining_ = false;
    bool ended_ = false;
};

class ListSource : public Source {
  public:
    ListSource(const std::vector<std::string>& texts, std::string name, const RecordRules& rules)
        : name_(std::move(name)) {
        RecordFilter filter(rules);
        std::string value;
        for (std::string_view text : texts) {
            for (bool more = true; more && !filter.ended();) {
                std::size_t end = rules.split_values ? text.find(rules.delimiter) : std::string_view::npos;
                if (filter.take(text.substr(0, end), value)) values_.push_back(std::move(value));
                more = end != std::string_view::npos;
                if (more) text.remove_prefix(end + rules.delimiter.size());
            }
        }
        if (filter.finish(value)) values_.push_back(std::move(value));
    }

    Pull next(std::string& value) override {
        if (next_ == values_.size()) return Pull::end;
        value = values_[next_++];
        return Pull::value;
    }
    std::optional<std::uint64_t> count() override { return values_.size(); }
    std::string place() const override { return fmt::format("value {} after {}", next_, name_); }

  private:
    std::vector<std::string> values_;
    std::string name_;
    std::size_t next_ = 0;
};

class FileSource : public Source {
  public:
    FileSource(system::Descriptor file, std::string name, const RecordRules& rules)
        : reader_(std::move(file), rules.delimiter, std::move(name)), rules_(rules), filter_(rules) {}

    Pull next(std::string& value) override {
        while (!filter_.ended()) {
            std::string_view record;
            Pull pull = reader_.next(record);
            if (pull == Pull::blocked) return pull;
            if (pull == Pull::end) break;
            if (filter_.take(record, value)) return Pull::value;
        }
        return filter_.finish(value) ? Pull::value : Pull::end;
    }
    int descriptor() const override { return reader_.descriptor(); }
    std::optional<std::uint64_t> count() override {
        if (rules_.skip_blank || rules_.end_marker || rules_.join_continued) return std::nullopt;
        return reader_.count();
    }
    std::string place() const override { return reader_.place(); }

  private:
    RecordReader reader_;
    RecordRules rules_;
    RecordFilter filter_;
};

}  // namespace

std::unique_ptr<Source> list_source(const std::vector<std::string>& texts, std::string name, const RecordRules& rules) {
    return std::make_unique<ListSource>(texts, std::move(name), rules);
}

std::unique_ptr<Source> file_source(const std::string& path, const RecordRules& rules) {
    if (path == "-") {
        system::Descriptor copy(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
        if (!copy && errno != EBADF) system::throw_errno("cannot read standard input");
        if (!copy || !system::is_readable(copy.get()))
            throw InputError("standard input is closed: give arguments after ::: or a file with -a");
        return std::make_unique<FileSource>(std::move(copy), "standard input", rules);
    }
    // Without O_NONBLOCK the open of a named pipe would wait for its writer; a reader at a pipe without one sees its
    // end.
    system::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw InputError(fmt::format("cannot open the input file '{}': {}", path, system::reason(errno)));
    struct stat status {};
    if (::fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
        throw InputError(fmt::format("the input file '{}' is a folder", path));
    }
    return std::make_unique<FileSource>(std::move(file), fmt::format("'{}'", path), rules);
}

}  // namespace haid::command
