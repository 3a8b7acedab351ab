// Faults of the operating system as exceptions that say what was tried.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace haid::system {

// Which limit stands in the way of a new descriptor, or of a new process or thread, where that is what the errno value
// says: " (…)", to be put behind what was tried. Empty for other errors.
std::string descriptor_limit(int error);
std::string process_limit(int error);

// what(): "<what was tried>: <the system's reason>". Where descriptors have run out, the limit is named behind what was
// tried.
class SystemError : public std::system_error {
  public:
    SystemError(int error, const std::string& tried)
        : std::system_error(error, std::generic_category(), tried + descriptor_limit(error)) {}
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
