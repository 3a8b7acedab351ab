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
        if (all_absolute_) folders_.emplace_back(rest.substr(0, colon));
        if (colon == rest.size()) break;
        rest.remove_prefix(colon + 1);
    }
}

std::optional<std::string> CommandPath::find(const std::string& command) {
    if (command == last_command_) return last_path_;
    last_command_ = command;
    last_path_.reset();
    for (const std::string& folder : folders_) {
        std::string candidate = folder + "/" + command;
        struct stat status {};
        if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
            ::access(candidate.c_str(), X_OK) == 0) {
            last_path_ = std::move(candidate);
            break;
        }
    }
    return last_path_;
}

}  // namespace haid::system
