#include "command/input/columns.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "command/input/pull.hpp"

namespace haid::command {

namespace {

std::string message_of(int error) {
    PCRE2_UCHAR message[256];
    pcre2_get_error_message(error, message, sizeof message);
    return reinterpret_cast<const char*>(message);
}

struct Found {
    std::size_t begin, end;
};

}  // namespace

struct ColumnSplitter::Expression {
    Expression(std::string separator, pcre2_code* compiled)
        : text(std::move(separator)), code(compiled), match(pcre2_match_data_create_from_pattern(compiled, nullptr)) {}
    ~Expression() {
        pcre2_match_data_free(match);
        pcre2_code_free(code);
    }
    Expression(const Expression&) = delete;
    Expression& operator=(const Expression&) = delete;

    // The first at or behind `from`.
    std::optional<Found> find(std::string_view record, std::size_t from) const {
        if (from > record.size()) return std::nullopt;
        const int result =
            pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(record.data()), record.size(), from, 0, match, nullptr);
        if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
        if (result < 0) refuse(record, message_of(result));
        const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match);
        // By \K in what only looks ahead or behind.
        if (span[0] < from || span[1] < span[0]) refuse(record, "it ends before it begins");
        return Found{span[0], span[1]};
    }
    // Else an input would be run as if it had fewer columns.
    [[noreturn]] void refuse(std::string_view record, const std::string& why) const {
        throw InputError(
            fmt::format("the column separator '{}' cannot be looked for in '{}': {}", text, record.substr(0, 80), why));
    }

    std::string text;
    pcre2_code* code;
    pcre2_match_data* match;
};

ColumnSplitter::ColumnSplitter(const std::string& separator) {
    if (separator == "\\t") {
        literal_ = "\t";
        return;
    }
    if (!separator.empty() && separator.find_first_of("\\^$.|?*+()[]{}") == std::string::npos) {
        literal_ = separator;
        return;
    }
    int error = 0;
    PCRE2_SIZE where = 0;
    pcre2_code* code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(separator.data()), separator.size(), 0, &error, &where, nullptr);
    if (code == nullptr) {
        throw std::invalid_argument(fmt::format("'{}' is not a regular expression: {} at character {}", separator,
                                                message_of(error), where + 1));
    }
    expression_ = std::make_unique<Expression>(separator, code);
}

ColumnSplitter::~ColumnSplitter() = default;
ColumnSplitter::ColumnSplitter(ColumnSplitter&&) noexcept = default;
ColumnSplitter& ColumnSplitter::operator=(ColumnSplitter&&) noexcept = default;

void ColumnSplitter::split(std::string_view record, std::vector<std::string>& columns) const {
    std::size_t from = 0;
    if (!expression_) {
        for (std::size_t found; (found = record.find(literal_, from)) != std::string_view::npos;
             from = found + literal_.size()) {
            columns.emplace_back(record.substr(from, found - from));
        }
    } else {
        std::size_t search = 0;
        while (const auto found = expression_->find(record, search)) {
            if (found->end == found->begin) {  // an empty match splits between characters, as in Perl
                if (found->begin >= record.size()) break;
                search = found->begin + 1;
                if (found->begin == from) continue;
            } else {
                search = found->end;
            }
            columns.emplace_back(record.substr(from, found->begin - from));
            from = found->end;
        }
    }
    columns.emplace_back(record.substr(from));
}

}  // namespace haid::command
