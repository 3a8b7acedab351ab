#include "command/output/tagger.hpp"

namespace haid::command {

std::string Tagger::apply(std::string_view piece) {
    if (tag_.empty()) return std::string(piece);
    std::string tagged;
    tagged.reserve(piece.size() + tag_.size());
    for (char c : piece) {
        if (last_ == '\n' || (last_ == '\r' && c != '\n')) tagged += tag_;
        tagged += c;
        last_ = c;
    }
    return tagged;
}

}  // namespace haid::command
