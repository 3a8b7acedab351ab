#include "process/guard.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "process/families.hpp"
#include "process/standstill.hpp"
#include "system/error.hpp"
#include "system/signals.hpp"

namespace haid::process {
namespace {

// More than the pids of a machine at Linux's largest setting (2^22) would be pointless; untouched pages cost nothing.
constexpr std::size_t table_entries = std::size_t{1} << 22;

// The table: three entries for ourselves, then process groups.
constexpr std::size_t highest_used = 0;
constexpr std::size_t lease_end = 1;     // seconds of the steady clock, which all processes share; 0: none
constexpr std::size_t lease_missed = 2;  // groups were ended for want of it
constexpr std::size_t first_group = 3;

using Seconds = std::chrono::duration<pid_t>;

void close_all_but(std::vector<int> kept) {
    std::sort(kept.begin(), kept.end());
    unsigned from = 0;
    bool closed = true;
#ifdef SYS_close_range
    for (int fd : kept) {
        if (static_cast<unsigned>(fd) > from) {
            closed = closed && ::syscall(SYS_close_range, from, static_cast<unsigned>(fd) - 1, 0) == 0;
        }
        from = static_cast<unsigned>(fd) + 1;
    }
    closed = closed && ::syscall(SYS_close_range, from, ~0U, 0) == 0;
    if (closed) return;
#endif
    // Kernels before 5.9: only what is open, never all numbers up to the limit.
    std::vector<int> open;
    if (DIR* folder = ::opendir("/proc/self/fd")) {
        while (dirent* entry = ::readdir(folder)) {
            int fd = std::atoi(entry->d_name);
            if (entry->d_name[0] != '.' && fd != ::dirfd(folder)) open.push_back(fd);
        }
        ::closedir(folder);
    }
    for (int fd : open) {
        if (!std::binary_search(kept.begin(), kept.end(), fd)) ::close(fd);
    }
}

std::vector<pid_t> groups_in(system::SharedTable& table) {
    std::vector<pid_t> leaders;
    auto used = static_cast<std::size_t>(table[highest_used].load());
    for (std::size_t entry = first_group; entry <= used; ++entry) {
        if (pid_t leader = table[entry].load(std::memory_order_acquire)) leaders.push_back(leader);
    }
    return leaders;
}

// Waits. True: the program has gone, or says that it will; false: it is there, and its lease has passed.
bool ends_within_lease(int lifeline, pid_t program, system::SharedTable& table, Standstill& standstill) {
    constexpr int look_again = 1000;  // milliseconds: what a lease is counted in
    constexpr int look_soon = 50;
    std::vector<pid_t> held;
    for (;;) {
        pollfd one{lifeline, POLLIN, 0};
        const bool over =
            system::uninterrupted([&] { return ::poll(&one, 1, held.empty() ? look_again : look_soon); }) != 0;
        const auto now = Standstill::Clock::now();
        standstill.look(now);
        const pid_t end = table[lease_end].load();
        const bool passed = end != 0 && now.time_since_epoch() > Seconds(end);
        if (passed && !over && !standstill.just_ended(now)) return false;  // whoever is held is ended as he is
        if (passed && !over) {
            const std::vector<pid_t> more = hold_families(groups_in(table), program);
            held.insert(held.end(), more.begin(), more.end());
        } else {
            for (pid_t pid : held) ::kill(pid, SIGCONT);
            held.clear();
        }
        if (over) return true;
    }
}

// A program that is killed closes its files before it has ended. Its end makes its jobs' groups orphans, and the kernel
// sends SIGHUP to an orphaned group of which somebody is stopped (POSIX, _exit): whoever stops jobs before would end
// them by that, not by the ladder. Bounded: the program's other files may take long to be closed.
void wait_for_end_of(pid_t program) {
    constexpr auto limit = std::chrono::seconds(1);
    constexpr auto between_looks = std::chrono::microseconds(100);
    const auto until = std::chrono::steady_clock::now() + limit;
    while (::getppid() == program && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(between_looks);
    }
}

// The body of the guard process. It begins with every signal blocked.
[[noreturn]] void watch(int lifeline, pid_t program, system::SharedTable& table, const Ladder& ladder,
                        std::vector<int> held, Standstill standstill) {
    ::setsid();
    system::discard_pending_signals();
    held.push_back(lifeline);
    close_all_but(held);
    system::hold_standard_descriptors();
    ::prctl(PR_SET_NAME, "haid-guard");
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    sigset_t none;
    sigemptyset(&none);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_IGN);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const bool leased = table[lease_end].load() != 0;
    while (leased && !ends_within_lease(lifeline, program, table, standstill)) {
        table[lease_missed].store(1);
        end_families(groups_in(table), ladder);
    }
    char farewell;
    bool in_order = system::uninterrupted([&] { return ::read(lifeline, &farewell, 1); }) == 1;
    if (!in_order) {
        wait_for_end_of(program);
        end_families(groups_in(table), ladder);
    }
    ::_exit(0);
}

}  // namespace

Guard::Guard(Ladder ladder, std::vector<int> held, std::optional<std::chrono::steady_clock::time_point> lease)
    : ladder_(std::move(ladder)), held_(std::move(held)), table_(table_entries) {
    // What nothing survives ends every ladder here, whatever the user chose for his own.
    if (ladder_.empty() || ladder_.back().signal != SIGKILL)
        ladder_.push_back({SIGKILL, std::chrono::milliseconds(25)});
    set_lease(lease);
    start();
}

void Guard::start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) system::throw_errno("cannot make a pipe");
    system::Pipe lifeline = system::own_both(ends);
    const Standstill standstill(Standstill::Clock::now());
    // What reaches the program's group before the guard has left it may end the program, but never both.
    system::BlockedSignals blocked;
    const pid_t program = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) {
        const int error = errno;
        throw system::SystemError(error, "cannot start the guard process" + system::process_limit(error));
    }
    if (pid_ == 0) watch(lifeline.read.get(), program, table_, ladder_, held_, standstill);
    lifeline_ = std::move(lifeline.write);
}

Guard::~Guard() {
    char farewell = 'x';
    [[maybe_unused]] ssize_t sent = ::write(lifeline_.get(), &farewell, 1);
    lifeline_.close();
    ::kill(pid_, SIGCONT);  // somebody may have stopped it
    system::uninterrupted([&] { return ::waitpid(pid_, nullptr, 0); });
}

bool Guard::replaced(pid_t pid) {
    if (pid != pid_) return false;
    stopped_since_.reset();
    start();
    return true;
}

bool Guard::ended_for_want_of_lease() {
    return table_[lease_missed].load() != 0;
}

void Guard::set_lease(std::optional<std::chrono::steady_clock::time_point> until) {
    const pid_t end = until ? std::chrono::ceil<Seconds>(until->time_since_epoch()).count() : 0;
    table_[lease_end].store(end);
}

std::size_t Guard::enlist() {
    if (stopped_since_ && std::chrono::steady_clock::now() - *stopped_since_ >= std::chrono::seconds(1)) {
        ::kill(pid_, SIGCONT);
        stopped_since_.reset();
    }
    if (!free_.empty()) {
        std::size_t entry = free_.back();
        free_.pop_back();
        return entry;
    }
    auto entry = std::max(static_cast<std::size_t>(table_[highest_used].load()) + 1, first_group);
    if (entry >= table_.size()) throw system::SystemError(EAGAIN, "too many jobs at a time");
    table_[highest_used].store(static_cast<pid_t>(entry));
    return entry;
}

void Guard::discharge(std::size_t entry) {
    table_[entry].store(0, std::memory_order_release);
    free_.push_back(entry);
}

}  // namespace haid::process
