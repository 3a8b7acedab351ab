// One line that says how far a run is.
#pragma once

#include <string>

#include "command/observer.hpp"

namespace haid::report {

enum class Shape { line, bar, eta, counts };

// The text, at most `width` columns wide; no control characters.
std::string progress_text(const command::Status& status, Shape shape, int width);

// "3 s", "4:05 min", "1:02:03 h".
std::string duration_text(double seconds);

}  // namespace haid::report
