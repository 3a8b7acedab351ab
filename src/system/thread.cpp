#include "system/thread.hpp"

#include <fmt/format.h>

#include "system/error.hpp"
#include "system/signals.hpp"

namespace haid::system {

std::thread start_thread(const char* what_for, std::function<void()> body) {
    BlockedSignals blocked;
    try {
        return std::thread(std::move(body));
    } catch (const std::system_error& error) {
        const int number = error.code().value();
        throw SystemError(number, fmt::format("cannot start a thread for {}{}", what_for, process_limit(number)));
    }
}

}  // namespace haid::system
