#include "system/exec_limit.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace haid::system {

std::size_t room_for_arguments() {
    constexpr std::size_t least = std::size_t{128} * 1024;
    constexpr std::size_t most = std::size_t{6} * 1024 * 1024;
    constexpr std::size_t additions = 4096;
    rlimit stack{};
    // Without a limit it is a large number.
    if (::getrlimit(RLIMIT_STACK, &stack) != 0) stack.rlim_cur = 0;
    const std::size_t all = std::clamp<std::size_t>(stack.rlim_cur / 4, least, most);
    std::size_t taken = additions;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        taken += std::strlen(*entry) + bytes_beside_argument;
    }
    return all - std::min(all, taken);
}

}  // namespace haid::system
