#include "system/tell.hpp"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "system/error.hpp"

namespace haid::system {
namespace {

constexpr std::chrono::milliseconds patience{200};
// poll(2) calls a pipe writable where PIPE_BUF bytes fit, and a terminal where so many do (WAKEUP_CHARS,
// drivers/tty/n_tty.c).
constexpr std::size_t fits = 256;

}  // namespace

void tell_text(std::string_view text) noexcept {
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + patience;
    while (!text.empty()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
        pollfd error{STDERR_FILENO, POLLOUT, 0};
        const int ready =
            uninterrupted([&] { return ::poll(&error, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))); });
        if (ready != 1 || (error.revents & POLLOUT) == 0) return;
        // Whole lines where they fit, so that no other process's gets in.
        const bool terminal = ::isatty(STDERR_FILENO) == 1;
        const auto piece = std::min<std::size_t>(text.size(), terminal ? fits : PIPE_BUF);
        const ssize_t size = uninterrupted([&] { return ::write(STDERR_FILENO, text.data(), piece); });
        if (size <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(size));
    }
}

}  // namespace haid::system
