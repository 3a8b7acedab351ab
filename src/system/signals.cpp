#include "system/signals.hpp"

#include <fmt/format.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "system/error.hpp"

namespace haid::system {

BlockedSignals::BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

void BlockedSignals::restore() {
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void discard_pending_signals() noexcept {
    sigset_t all;
    sigfillset(&all);
    const timespec at_once{};
    while (::sigtimedwait(&all, nullptr, &at_once) > 0) {
    }
}

namespace {

// A blocked signal arrives though it is ignored (sigaction(2) is asked when it is unblocked): nohup would count for
// nothing.
bool is_ignored(int signal) {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

SignalQueue::SignalQueue(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : signals) {
        // These two are news, no wish of anybody's.
        const bool news = signal == SIGCHLD || signal == SIGCONT;
        if (news || !is_ignored(signal)) sigaddset(&set, signal);
        // Ignored, it would have the kernel forget how children have ended.
        if (signal == SIGCHLD && is_ignored(signal)) ::signal(SIGCHLD, SIG_DFL);
    }
    check(::sigprocmask(SIG_BLOCK, &set, &before_), "cannot block signals");
    queue_ = Descriptor(check(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "cannot make a signal queue"));
}

SignalQueue::~SignalQueue() {
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalQueue::next() {
    signalfd_siginfo info;
    ssize_t size = uninterrupted([&] { return ::read(queue_.get(), &info, sizeof info); });
    if (size != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
}

std::optional<int> signal_number(std::string_view name) {
    int number = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) {
        return number > 0 && number < NSIG ? std::optional(number) : std::nullopt;
    }
    std::string upper(name);
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
    if (upper.starts_with("SIG")) upper.erase(0, 3);
    for (int candidate = 1; candidate < NSIG; ++candidate) {
        const char* abbreviation = ::sigabbrev_np(candidate);
        if (abbreviation != nullptr && upper == abbreviation) return candidate;
    }
    return std::nullopt;
}

std::string signal_name(int number) {
    const char* abbreviation = ::sigabbrev_np(number);
    return abbreviation != nullptr ? fmt::format("SIG{}", abbreviation) : fmt::format("SIG{}", number);
}

}  // namespace haid::system
