// Faults of the operating system as exceptions that say what was tried.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace haid::system {

// what(): "<what was tried>: <the system's reason>".
class SystemError : public std::system_error {
  public:
    SystemError(int error, const std::string& tried) : std::system_error(error, std::generic_category(), tried) {}
    int error() const { return code().value(); }
};

[[noreturn]] void throw_errno(const std::string& tried);

// The system's reason for an errno value, without a number.
std::string reason(int error);

// Calls again while the call fails with EINTR.
template <class Call>
auto uninterrupted(Call call) {
    for (;;) {
        auto result = call();
        if (result != -1 || errno != EINTR) return result;
    }
}

// Throws SystemError where the result is -1; returns it otherwise.
template <class Result>
Result check(Result result, const char* tried) {
    if (result == -1) throw_errno(tried);
    return result;
}

}  // namespace haid::system
