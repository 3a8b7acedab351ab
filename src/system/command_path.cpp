#include "system/command_path.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace haid::system {

CommandPath::CommandPath() {
    const char* path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/bin:/usr/bin";
    for (;;) {
        std::size_t colon = std::min(rest.find(':'), rest.size());
        all_absolute_ = all_absolute_ && rest.starts_with('/');
        if (rest.starts_with('/')) folders_.emplace_back(rest.substr(0, colon));
        if (all_absolute_) before_relative_ = folders_.size();
        if (colon == rest.size()) break;
        rest.remove_prefix(colon + 1);
    }
}

std::optional<std::string> CommandPath::find(const std::string& command) {
    if (command == last_command_) return last_path_;
    last_command_ = command;
    last_path_ = search(before_relative_, command);
    return last_path_;
}

std::optional<std::string> CommandPath::search(std::size_t folders, const std::string& command) const {
    for (std::size_t folder = 0; folder < folders; ++folder) {
        std::string candidate = folders_[folder] + "/" + command;
        struct stat status {};
        if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
            ::access(candidate.c_str(), X_OK) == 0) {
            return candidate;
        }
    }
    return std::nullopt;
}

}  // namespace haid::system
