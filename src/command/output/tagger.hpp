// Puts a tag in front of every line.
#pragma once

#include <string>
#include <string_view>

namespace haid::command {

// Lines end at \n or \r (a progress bar's lines, too), but not between \r and \n. Pieces may be cut anywhere.
class Tagger {
  public:
    explicit Tagger(std::string tag) : tag_(std::move(tag)) {}
    bool active() const { return !tag_.empty(); }
    std::string apply(std::string_view piece);

  private:
    std::string tag_;
    char last_ = '\n';
};

}  // namespace haid::command
