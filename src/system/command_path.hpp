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
    // The same in the folders alone that PATH names absolutely: for commands that are nobody's own.
    std::optional<std::string> find_absolute(const std::string& command) const {
        return search(folders_.size(), command);
    }

  private:
    std::optional<std::string> search(std::size_t folders, const std::string& command) const;

    std::vector<std::string> folders_;  // the absolute ones
    std::size_t before_relative_ = 0;   // as many of them stand before the first relative one
    bool all_absolute_ = true;
    std::string last_command_;
    std::optional<std::string> last_path_;
};

}  // namespace haid::system
