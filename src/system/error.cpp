#include "system/error.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

namespace haid::system {
namespace {

// "N": this process's own; empty: there is none.
template <class Resource>
std::string own_limit(Resource resource) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
    return std::to_string(limit.rlim_cur);
}

}  // namespace

std::string descriptor_limit(int error) {
    if (error == ENFILE) return " (the machine's limit of open files: /proc/sys/fs/file-max)";
    if (error != EMFILE) return {};
    return fmt::format(" (this process may have {} descriptors at a time: see ulimit -n)", own_limit(RLIMIT_NOFILE));
}

std::string process_limit(int error) {
    if (error != EAGAIN) return {};
    const std::string own = own_limit(RLIMIT_NPROC);
    return fmt::format(" (is a limit of processes reached? ulimit -u{}; see also the cgroup's pids.max)",
                       own.empty() ? " has none" : " is " + own);
}

void throw_errno(const std::string& tried) {
    throw SystemError(errno, tried);
}

std::string reason(int error) {
    return std::generic_category().message(error);
}

}  // namespace haid::system
