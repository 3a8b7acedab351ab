#include "system/spawn.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "system/error.hpp"
#include "system/signals.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define HAID_BORROWS_MEMORY __attribute__((no_sanitize("address"), noinline))
#else
#define HAID_BORROWS_MEMORY __attribute__((noinline))
#endif

namespace haid::system {
namespace {

struct Attempt {
    const SpawnPlan* plan;
    const sigset_t* mask;  // what the new program starts with
    volatile int error = 0;
    volatile Spawned::Stage stage = Spawned::Stage::fork;
};

// The stack of the borrowing child. glibc's exec functions need little; 64 KiB is what posix_spawn reserves at least.
class ChildStack {
  public:
    static constexpr std::size_t size = 64 * 1024;
    ChildStack()
        : memory_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
        if (memory_ == MAP_FAILED) throw_errno("cannot reserve a stack for new processes");
    }
    void* top() { return static_cast<char*>(memory_) + size; }

  private:
    void* memory_;
};

// dup2 clears close-on-exec, except where both are the same descriptor.
HAID_BORROWS_MEMORY bool place(int from, int to) {
    if (from < 0) return true;
    if (from == to) return ::fcntl(to, F_SETFD, 0) == 0;
    return ::dup2(from, to) == to;
}

HAID_BORROWS_MEMORY int fail(Attempt& attempt, Spawned::Stage stage) {
    attempt.error = errno;
    attempt.stage = stage;
    ::_exit(127);
}

// The kernel takes it for the child alone, although that borrows the parent's memory (fs/proc/base.c, __set_oom_adj).
HAID_BORROWS_MEMORY void set_oom_score_adj(const char* text) {
    const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    std::size_t size = 0;
    while (text[size] != '\0') ++size;
    [[maybe_unused]] ssize_t written = ::write(file, text, size);
    ::close(file);
}

// Nothing blocks SIGSTOP. One for the parent's group may stop the child when it has just left that group: the SIGCONT
// that follows passes it by, and the parent, which waits for the exec, would wait for ever. So the child is continued
// by a timer of its own; exec deletes it. To make, set and delete one takes 1.9 us of the some 300 us of a job.
HAID_BORROWS_MEMORY void go_on_when_stopped() {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGCONT;
    int timer = 0;  // the kernel's own number, which no C library knows
    if (::syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) != 0) return;
    constexpr timespec tenth{0, 100'000'000};
    const itimerspec again_and_again{tenth, tenth};
    ::syscall(SYS_timer_settime, timer, 0, &again_and_again, nullptr);
}

HAID_BORROWS_MEMORY int become(void* argument) {
    Attempt& attempt = *static_cast<Attempt*>(argument);
    const SpawnPlan& plan = *attempt.plan;
    go_on_when_stopped();
    ::setpgid(0, 0);
    discard_pending_signals();
    if (plan.group_record != nullptr) plan.group_record->store(::getpid(), std::memory_order_release);
    if (!place(plan.input, 0) || !place(plan.output, 1) || !place(plan.error, 2)) {
        return fail(attempt, Spawned::Stage::descriptors);
    }
    if (plan.directory != nullptr && ::chdir(plan.directory) != 0) return fail(attempt, Spawned::Stage::directory);
    if (plan.nice) ::setpriority(PRIO_PROCESS, 0, *plan.nice);
    if (plan.oom_score_adj != nullptr) set_oom_score_adj(plan.oom_score_adj);
    if (plan.file_limit != 0) {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = plan.file_limit;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    // Handlers need no reset: exec does that. An ignored signal stays ignored through exec.
    if (plan.default_write_signals) {
        for (int signal : signals_of_writes) ::signal(signal, SIG_DFL);
    }
    ::sigprocmask(SIG_SETMASK, attempt.mask, nullptr);
    ::execve(plan.path, const_cast<char* const*>(plan.arguments), const_cast<char* const*>(plan.environment));
    return fail(attempt, Spawned::Stage::exec);
}

}  // namespace

Spawned spawn(const SpawnPlan& plan) {
    static ChildStack stack;
    // A signal handler that ran in the child would write into the parent's memory: block them all meanwhile.
    BlockedSignals blocked;
    Attempt attempt{&plan, plan.signal_mask != nullptr ? plan.signal_mask : &blocked.mask_before()};
    int pid = ::clone(become, stack.top(), CLONE_VM | CLONE_VFORK | SIGCHLD, &attempt);
    int clone_error = errno;
    if (pid > 0 && attempt.error != 0) ::waitpid(pid, nullptr, 0);
    if (pid < 0) return {-1, clone_error, Spawned::Stage::fork};
    if (attempt.error != 0) return {-1, attempt.error, attempt.stage};
    return {pid, 0, Spawned::Stage::exec};
}

}  // namespace haid::system
