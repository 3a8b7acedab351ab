#include "command/input/source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "command/input/record_reader.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

bool blank(std::string_view text) {
    return text.find_first_not_of(" \t\n\r\f\v") == std::string_view::npos;
}

class ListSource : public Source {
  public:
    ListSource(std::vector<std::string> values, std::string name, const RecordRules& rules)
        : values_(std::move(values)), name_(std::move(name)) {
        if (rules.end_marker) {
            values_.erase(std::find(values_.begin(), values_.end(), *rules.end_marker), values_.end());
        }
        if (rules.skip_blank) std::erase_if(values_, blank);
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
        : reader_(std::move(file), rules.delimiter, std::move(name)), rules_(rules) {}

    Pull next(std::string& value) override {
        while (!ended_) {
            std::string_view record;
            Pull pull = reader_.next(record);
            if (pull == Pull::blocked) return pull;
            if (pull == Pull::end || record == rules_.end_marker) {
                ended_ = true;
                break;
            }
            if (rules_.skip_blank && blank(record)) continue;
            if (rules_.join_continued) {
                joined_.append(record);
                joining_ = record.ends_with(' ') || record.ends_with('\t');
                if (joining_) continue;
                value = std::exchange(joined_, {});
            } else {
                value.assign(record);
            }
            return Pull::value;
        }
        if (!joining_) return Pull::end;
        joining_ = false;
        value = std::exchange(joined_, {});
        return Pull::value;
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
    std::string joined_;
    bool joining_ = false;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<Source> list_source(std::vector<std::string> values, std::string name, const RecordRules& rules) {
    return std::make_unique<ListSource>(std::move(values), std::move(name), rules);
}

std::unique_ptr<Source> file_source(const std::string& path, const RecordRules& rules) {
    if (path == "-") {
        system::Descriptor copy(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
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
