#include "command/input/columns.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <stdexcept>

namespace haid::command {

struct ColumnSplitter::Expression {
    explicit Expression(pcre2_code* compiled)
        : code(compiled), match(pcre2_match_data_create_from_pattern(compiled, nullptr)) {}
    ~Expression() {
        pcre2_match_data_free(match);
        pcre2_code_free(code);
    }
    Expression(const Expression&) = delete;
    Expression& operator=(const Expression&) = delete;

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
        PCRE2_UCHAR message[256];
        pcre2_get_error_message(error, message, sizeof message);
        throw std::invalid_argument(fmt::format("'{}' is not a regular expression: {} at character {}", separator,
                                                reinterpret_cast<const char*>(message), where + 1));
    }
    expression_ = std::make_unique<Expression>(code);
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
        while (search <= record.size() && pcre2_match(expression_->code, reinterpret_cast<PCRE2_SPTR>(record.data()),
                                                      record.size(), search, 0, expression_->match, nullptr) > 0) {
            const PCRE2_SIZE* span = pcre2_get_ovector_pointer(expression_->match);
            if (span[1] == span[0]) {  // an empty match splits between characters, as in Perl
                if (span[0] >= record.size()) break;
                search = span[0] + 1;
                if (span[0] == from) continue;
            } else {
                search = span[1];
            }
            columns.emplace_back(record.substr(from, span[0] - from));
            from = span[1];
        }
    }
    columns.emplace_back(record.substr(from));
}

}  // namespace haid::command
