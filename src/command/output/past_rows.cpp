#include "command/output/past_rows.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "system/error.hpp"

namespace haid::command {
namespace {

enum Field : std::size_t { sequence_field = 0, exit_field = 6, signal_field = 7, command_field = 8, needed_fields };

void for_each_piece(int fd, const std::string& path, const std::function<void(std::string_view)>& use) {
    char buffer[64 * 1024];
    for (off_t at = 0;;) {
        const ssize_t size = system::uninterrupted([&] { return ::pread(fd, buffer, sizeof buffer, at); });
        if (size < 0) system::throw_errno(fmt::format("cannot read the table '{}'", path));
        if (size == 0) return;
        use({buffer, static_cast<std::size_t>(size)});
        at += size;
    }
}

[[noreturn]] void refuse(std::uint64_t row, const std::string& path) {
    throw std::invalid_argument(fmt::format(
        "row {} of '{}' is no row of a table of results: name another file, or leave out --resume", row, path));
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

// RFC 4180.
class SeparatedReader {
  public:
    SeparatedReader(char separator, const std::string& path) : separator_(separator), path_(path) {}

    void take(std::string_view piece) {
        for (char c : piece) {
            ++at_;
            if (quoted_) {
                if (c == '"') {
                    quoted_ = false;
                    was_quoted_ = true;
                } else {
                    add(c);
                }
            } else if (c == '"') {
                if (std::exchange(was_quoted_, false)) add(c);  // two of them within quotes are one
                quoted_ = true;
            } else if (c == separator_) {
                end_field();
            } else if (c == '\n') {
                end_field();
                end_row();
            } else {
                add(c);
            }
        }
    }
    PastRows rows;

  private:
    // What the jobs wrote need not be kept.
    void add(char c) {
        if (row_ == 0 || fields_.size() < needed_fields) field_ += c;
    }
    void end_field() {
        fields_.push_back(std::exchange(field_, {}));
        was_quoted_ = false;
    }
    void end_row() {
        const std::vector<std::string> fields = std::exchange(fields_, {});
        ++row_;
        if (row_ == 1) {
            if (fields.size() < needed_fields || fields.front() != "Seq") refuse(row_, path_);
            rows.columns = fields;
        } else {
            const auto sequence = number(fields[sequence_field]);
            if (fields.size() < needed_fields || !sequence) refuse(row_, path_);
            rows.jobs.add(*sequence, fields[exit_field] == "0" && fields[signal_field] == "0", fields[command_field]);
        }
        rows.whole_size = at_;
    }

    char separator_;
    const std::string& path_;
    std::vector<std::string> fields_;
    std::string field_;
    std::uint64_t row_ = 0;  // whole ones
    std::uint64_t at_ = 0;
    bool quoted_ = false;
    bool was_quoted_ = false;  // the quotes have just ended
};

// The value after a key; the rest of the row follows it.
std::optional<std::string_view> value_of(std::string_view& row, std::string_view key) {
    const std::size_t at = row.find(key);
    if (at == row.npos) return std::nullopt;
    row.remove_prefix(at + key.size());
    return row.substr(0, row.find_first_of(", "));
}

// After its opening quote. RFC 8259, as far as we write it.
std::optional<std::string> string_of(std::string_view row) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (row[i] == '"') return text;
        const bool escaped = row[i] == '\\';
        if (escaped && ++i == row.size()) break;
        if (!escaped || row[i] != 'u') {
            text += row[i];
        } else if (i + 4 < row.size()) {
            unsigned code = 0;
            std::from_chars(row.data() + i + 1, row.data() + i + 5, code, 16);
            text += static_cast<char>(code);
            i += 4;
        }
    }
    return std::nullopt;
}

class ObjectReader {
  public:
    explicit ObjectReader(const std::string& path) : path_(path) {}

    void take(std::string_view piece) {
        for (std::size_t end; (end = piece.find('\n')) != piece.npos; piece.remove_prefix(end + 1)) {
            row_.append(piece.substr(0, end));
            end_row();
        }
        row_.append(piece);
    }
    PastRows rows;

  private:
    void end_row() {
        std::string_view rest = row_;
        ++number_;
        const auto sequence = value_of(rest, "{ \"Seq\": ");
        const auto exit_value = value_of(rest, "\"Exitval\": ");
        const auto signal = value_of(rest, "\"Signal\": ");
        const auto command = value_of(rest, "\"Command\": \"") ? string_of(rest) : std::nullopt;
        if (!row_.ends_with('}') || !sequence || !number(*sequence) || !exit_value || !signal || !command) {
            refuse(number_, path_);
        }
        rows.jobs.add(*number(*sequence), *exit_value == "0" && *signal == "0", *command);
        rows.whole_size += row_.size() + 1;
        row_.clear();
    }

    const std::string& path_;
    std::string row_;
    std::uint64_t number_ = 0;
};

template <class Reader>
PastRows read_with(Reader reader, int fd, const std::string& path) {
    for_each_piece(fd, path, [&](std::string_view piece) { reader.take(piece); });
    return std::move(reader.rows);
}

}  // namespace

PastRows read_rows(int fd, char separator, const std::string& path) {
    if (separator == 0) return read_with(ObjectReader(path), fd, path);
    return read_with(SeparatedReader(separator, path), fd, path);
}

}  // namespace haid::command
