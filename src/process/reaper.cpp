#include "process/reaper.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include "system/error.hpp"

namespace haid::process {

void adopt_orphans() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

std::optional<Ending> reap() {
    int status = 0;
    rusage usage{};
    pid_t pid = system::uninterrupted([&] { return ::wait4(-1, &status, WNOHANG | WUNTRACED, &usage); });
    if (pid <= 0) return std::nullopt;
    if (WIFSTOPPED(status)) return Ending{pid, 0, WSTOPSIG(status), true, usage};
    bool signalled = WIFSIGNALED(status);
    return Ending{pid, signalled ? 0 : WEXITSTATUS(status), signalled ? WTERMSIG(status) : 0, false, usage};
}

}  // namespace haid::process
