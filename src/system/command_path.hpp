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
    // nullopt: it is in none of the folders, or PATH names a relative one.
    std::optional<std::string> find(const std::string& command);

  private:
    std::vector<std::string> folders_;
    bool all_absolute_ = true;
    std::string last_command_;
    std::optional<std::string> last_path_;
};

}  // namespace haid::system
