// Where a command is found that is named without a folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace haid::system {

// Where execvp would find a command without a slash; remembers the last one. Thread-compatible.
class CommandPath {
  public:
    CommandPath();
    // nullopt: it is in none of the folders, or in none before the first relative one, which is another one for
    // whoever runs in another folder.
    std::optional<std::string> find(const std::string& command);
    // Where not, find cannot say that there is none.
    bool all_absolute() const { return all_absolute_; }

  private:
    std::vector<std::string> folders_;  // up to the first relative one
    bool all_absolute_ = true;
    std::string last_command_;
    std::optional<std::string> last_path_;
};

}  // namespace haid::system
