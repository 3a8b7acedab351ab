#include "system/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "system/error.hpp"

namespace haid::system {

bool sleep_while(const FutexWord& word, std::uint32_t seen, const detail::Deadline& deadline) {
    if (deadline.is_immediate()) return false;
    const int clock = deadline.clock() == CLOCK_REALTIME ? FUTEX_CLOCK_REALTIME : 0;
    const timespec* until = deadline.is_never() ? nullptr : &deadline.time();
    if (::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | clock, seen, until, nullptr, FUTEX_BITSET_MATCH_ANY) == 0) {
        return true;
    }
    if (errno == ETIMEDOUT) return false;
    if (errno != EAGAIN && errno != EINTR) throw_errno("haid: cannot wait for another process");
    return true;
}

void wake(const FutexWord& word, int count) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

void add_and_wake(FutexWord& word, int addend, int count) {
#if !defined(__SANITIZE_THREAD__)  // it sees neither fences nor what the kernel writes
    std::atomic_thread_fence(std::memory_order_seq_cst);
    // The comparison decides on a second wake-up, which is not wanted here; 2047 is a value that words rarely have, and
    // one sleeper more that is woken only looks again.
    const int operation = FUTEX_OP(FUTEX_OP_ADD, addend, FUTEX_OP_CMP_EQ, 2047);
    if (::syscall(SYS_futex, &word, FUTEX_WAKE_OP, count, 0L, &word, operation) != -1) return;
    if (errno != ENOSYS) throw_errno("haid: cannot wake another process");
#endif
    // Emulated kernels may lack it; then there is an instant in which to be killed is to leave others asleep.
    word.fetch_add(static_cast<std::uint32_t>(addend));
    wake(word, count);
}

}  // namespace haid::system
