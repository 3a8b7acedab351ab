#include "command/output/passing_line.hpp"

#include <fmt/format.h>

namespace haid::command {

bool PassingLine::go_on() {
    if (!rest_.empty()) rest_.erase(0, write_(rest_));
    return rest_.empty();
}

void PassingLine::show(const std::string& text) {
    if (!go_on()) return;
    const std::string drawing = fmt::format("\r{}\033[K", text);
    const std::size_t taken = write_(drawing);
    if (taken == 0) return;
    shown_ = true;
    rest_ = drawing.substr(taken);
}

bool PassingLine::clear() {
    if (!go_on()) return false;
    if (!shown_) return true;
    shown_ = false;
    rest_ = "\r\033[K";
    return go_on();
}

}  // namespace haid::command
