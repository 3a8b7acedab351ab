// Cutting a record into columns by a regular expression.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace haid::command {

class ColumnSplitter {
  public:
    // Perl's regular expressions (PCRE2). Throws std::invalid_argument with the reason and its place.
    explicit ColumnSplitter(const std::string& separator);
    ~ColumnSplitter();
    ColumnSplitter(ColumnSplitter&&) noexcept;
    ColumnSplitter& operator=(ColumnSplitter&&) noexcept;

    // Appends the columns; empty ones count. An empty record is one empty column. Throws InputError where the
    // expression takes more steps or memory than PCRE2 gives it, naming the record.
    void split(std::string_view record, std::vector<std::string>& columns) const;

  private:
    struct Expression;
    std::unique_ptr<Expression> expression_;
    std::string literal_;  // where the separator is a plain string, which is faster
};

}  // namespace haid::command
