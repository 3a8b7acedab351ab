#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "haid/error.hpp"
#include "pool/worker_program.hpp"
#include "pool/worker_source.hpp"
#include "process/fork.hpp"
#include "system/error.hpp"
#include "system/process_table.hpp"

namespace haid::pool {
namespace {

// What the pool says to its zygote.
struct Order {
    enum class Kind : std::uint32_t { start, kill, look } kind;  // look: whether it is time to leave
    std::uint32_t worker;
};

// What the kernel sends the zygote when its parent's end of the lifeline is closed: the parent has died, or wants it to
// end everything.
constexpr int parent_gone = SIGUSR1;

// The body of the zygote's process.
class Zygote {
  public:
    // With every signal blocked: what the program does with one is never done here. `mask`: the program's; `workers`:
    // one each, empty.
    Zygote(const WorkerSettings& settings, int socket, const sigset_t& mask, std::vector<process::Forked>& workers)
        : settings_(settings), socket_(socket), workers_(workers), mask_before_(mask) {
        ::prctl(PR_SET_NAME, "haid-zygote");
        // What workers leave behind becomes ours, to be ended with the pool.
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        // A Ctrl-C is for the program to decide on; it ends us by ending.
        for (Disposition& disposition : dispositions_) {
            struct sigaction ignore {};
            ignore.sa_handler = SIG_IGN;
            ::sigaction(disposition.number, &ignore, &disposition.action);
        }
        struct sigaction standard {};
        standard.sa_handler = SIG_DFL;
        ::sigaction(SIGCHLD, &standard, nullptr);
        sigset_t awaited;
        sigemptyset(&awaited);
        sigaddset(&awaited, SIGCHLD);
        sigaddset(&awaited, parent_gone);
        sigset_t blocked = mask_before_;
        for (int signal : {SIGCHLD, parent_gone}) sigaddset(&blocked, signal);
        ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
        signals_ = system::Descriptor(::signalfd(-1, &awaited, SFD_CLOEXEC | SFD_NONBLOCK));
    }

    int run() {
        // A pool that is closed meanwhile has been quick: what it wanted is done already.
        const bool all = settings_.initializer || (settings_.hooks && settings_.hooks->starts_for_a_purpose());
        for (std::size_t worker = 0; worker < workers_.size() && (all || !leaving()); ++worker) start(worker);
        while (!parent_has_gone_ && !(leaving() && nobody_runs())) {
            pollfd sources[] = {{signals_.get(), POLLIN, 0}, {socket_, POLLIN, 0}};
            ::poll(sources, 2, -1);
            take_signals();
            take_orders();
            reap();
        }
        end_everything();
        return 0;
    }

  private:
    struct Disposition {
        int number;
        struct sigaction action {};
    };

    bool leaving() const { return settings_.segment->header().closing.load() != 0; }
    bool nobody_runs() const {
        return std::all_of(workers_.begin(), workers_.end(),
                           [](const process::Forked& child) { return child.pid <= 0; });
    }

    void take_signals() {
        signalfd_siginfo signal;
        while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
            if (signal.ssi_signo == parent_gone) parent_has_gone_ = true;
        }
    }

    void take_orders() {
        Order order;
        ssize_t size;
        while ((size = ::recv(socket_, &order, sizeof order, MSG_DONTWAIT)) == sizeof order) {
            pid_t pid = workers_[order.worker].pid;
            if (order.kind == Order::Kind::start) start(order.worker);
            if (order.kind == Order::Kind::kill && pid > 0) ::kill(pid, SIGKILL);
        }
        if (size == 0) parent_has_gone_ = true;
    }

    void start(std::size_t worker) {
        try {
            workers_[worker] =
                process::fork_child([&] { return work_as_before(worker); },
                                    {.die_with_parent = true, .also_as_program = true, .parent_prints = false});
        } catch (const system::SystemError& error) {
            tell({worker, 0, error.error()});
        }
    }

    int work_as_before(std::size_t worker) {
        signals_.close();
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
        ::prctl(PR_SET_NAME, "haid-worker");
        for (const Disposition& disposition : dispositions_) {
            // Ctrl-C reaches every process of the terminal; workers leave it to the program, which ends them.
            if (disposition.number != SIGINT) ::sigaction(disposition.number, &disposition.action, nullptr);
        }
        ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
        return settings_.program ? become_program(settings_, worker) : work(settings_, worker);
    }

    void reap() {
        int status = 0;
        for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            auto child = std::find_if(workers_.begin(), workers_.end(),
                                      [&](const process::Forked& one) { return one.pid == pid; });
            if (child == workers_.end()) continue;  // an orphan of a worker
            *child = {};
            auto worker = static_cast<std::size_t>(child - workers_.begin());
            tell({worker, WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), 0});
        }
    }

    void tell(const Death& death) {
        // It waits for a parent that is behind; one that has gone is noticed elsewhere.
        system::uninterrupted([&] { return ::send(socket_, &death, sizeof death, MSG_NOSIGNAL); });
    }

    // By their own numbers, never by their group: that is the program's.
    void end_everything() {
        for (const process::Forked& child : workers_) {
            if (child.pid > 0) ::kill(child.pid, SIGKILL);
        }
        for (const process::Forked& child : workers_) {
            if (child.pid > 0) system::uninterrupted([&] { return ::waitpid(child.pid, nullptr, 0); });
        }
        // What a child leaves behind becomes a child of ours when it ends, and is ended in the next round.
        while (::waitpid(-1, nullptr, WNOHANG) >= 0 || errno == EINTR) {
            for (const system::ProcessEntry& entry : system::process_table()) {
                if (entry.parent == ::getpid()) ::kill(entry.pid, SIGKILL);
            }
            ::waitpid(-1, nullptr, 0);
        }
    }

    // Both are where the parent has made them: a new process that allocates memory pays for it with page faults.
    const WorkerSettings& settings_;
    int socket_;
    std::vector<process::Forked>& workers_;
    std::array<Disposition, 5> dispositions_{{{SIGINT}, {SIGQUIT}, {SIGTERM}, {SIGHUP}, {SIGTSTP}}};
    sigset_t mask_before_;
    system::Descriptor signals_;
    bool parent_has_gone_ = false;
};

// The parent's side.
class FromZygote : public WorkerSource {
  public:
    explicit FromZygote(const WorkerSettings& settings) {
        int ends[2];
        system::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "cannot make a socket");
        auto [ours, theirs] = system::own_both(ends);
        std::vector<process::Forked> workers(settings.segment->workers());
        sigset_t mask;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
        zygote_ = process::fork_child(
            [&] {
                ours.close();
                return Zygote(settings, theirs.get(), mask, workers).run();
            },
            {.die_with_parent = true, .death_signal = parent_gone, .signals_wait = true, .child_prints = false});
        socket_ = std::move(ours);
    }

    ~FromZygote() override {
        if (zygote_.pid <= 0) return;
        socket_.close();
        zygote_.lifeline.cut();
        wait();
    }

    void start(std::size_t worker) override { order({Order::Kind::start, static_cast<std::uint32_t>(worker)}); }
    void kill(std::size_t worker) override { order({Order::Kind::kill, static_cast<std::uint32_t>(worker)}); }

    void add_descriptors(std::vector<pollfd>& descriptors) const override {
        descriptors.push_back({socket_.get(), POLLIN, 0});
    }

    std::vector<Death> deaths() override {
        std::vector<Death> news;
        Death death;
        ssize_t size;
        while ((size = ::recv(socket_.get(), &death, sizeof death, MSG_DONTWAIT)) == sizeof death) {
            news.push_back(death);
        }
        bool gone = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
        if (gone && news.empty())
            throw Error("the process that starts the pool's workers was killed, and they with it");
        return news;
    }

    void join() override {
        // No worker may be left whose end would wake it.
        order({Order::Kind::look, 0});
        wait();
    }

  private:
    void order(const Order& order) {
        system::uninterrupted([&] { return ::send(socket_.get(), &order, sizeof order, MSG_NOSIGNAL); });
    }
    void wait() {
        if (zygote_.pid <= 0) return;
        system::uninterrupted([&] { return ::waitpid(zygote_.pid, nullptr, 0); });
        zygote_ = {};
    }

    process::Forked zygote_;
    system::Descriptor socket_;
};

}  // namespace

std::unique_ptr<WorkerSource> fork_workers_from_zygote(const WorkerSettings& settings) {
    return std::make_unique<FromZygote>(settings);
}

}  // namespace haid::pool
