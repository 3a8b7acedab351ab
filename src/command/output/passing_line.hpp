// A line at the end of what is on a terminal, which gives way to whatever is printed.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace haid::command {

// Never waits for the terminal. Not thread-safe.
class PassingLine {
  public:
    // As much of the text as the terminal takes at once: the number of bytes.
    using Write = std::function<std::size_t(std::string_view)>;
    explicit PassingLine(Write write) : write_(std::move(write)) {}

    // In place of the one before; where the terminal takes nothing, nothing is shown.
    void show(const std::string& text);
    // Takes it away. False where the terminal does not take what is needed for that: to be called again.
    bool clear();

  private:
    bool go_on();

    Write write_;
    bool shown_ = false;
    std::string rest_;  // of what was begun: a line or a control sequence that is cut would spoil what follows
};

}  // namespace haid::command
