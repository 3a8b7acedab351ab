// For tests of what goes to the process's own standard output and standard error.
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <string>

#include "system/descriptor.hpp"

namespace haid {

// Descriptors 1 and 2 lead to other files for as long as it lives; nothing may be asserted meanwhile.
class Redirected {
  public:
    Redirected(int output, int error) {
        std::fflush(stdout);
        ::dup2(output, STDOUT_FILENO);
        ::dup2(error, STDERR_FILENO);
    }
    ~Redirected() {
        ::dup2(output_.get(), STDOUT_FILENO);
        ::dup2(error_.get(), STDERR_FILENO);
    }
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;

  private:
    system::Descriptor output_{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)};
    system::Descriptor error_{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
};

// All of a file, wherever its descriptor stands.
inline std::string content(int fd) {
    std::string text;
    char buffer[4096];
    for (ssize_t size; (size = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0;) {
        text.append(buffer, static_cast<std::size_t>(size));
    }
    return text;
}

}  // namespace haid
