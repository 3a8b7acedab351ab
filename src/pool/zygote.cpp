#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "haid/error.hpp"
#include "pool/worker_program.hpp"
#include "pool/worker_source.hpp"
#include "process/fork.hpp"
#include "system/error.hpp"
#include "system/process_table.hpp"
#include "system/tell.hpp"

namespace haid::pool {
namespace {

// What the pool says to its zygote.
struct Order {
    enum class Kind : std::uint32_t { start, kill, look } kind;  // look: at what the shared memory says of the pool
    std::uint32_t worker;
};

// What the kernel sends the zygote when its parent's end of the lifeline is closed: the parent has died, or wants it to
// end everything. Not one that people or Slurm send.
const int parent_gone = SIGRTMAX - 1;

// In place of a worker's number: all of them have ended, and the zygote does.
constexpr std::size_t all_workers = SIZE_MAX;
// Whether it has ended is looked at so often where it was killed before it could say so, and something that a task has
// left behind keeps its socket open.
constexpr int look_for_its_end_ms = 500;
// Memory of inputs that nobody uses is kept for so long. Calls with 100 MB that come one after another find it warm;
// where they come less often, to make it anew (some 90 ms) is little beside what is between them.
constexpr std::chrono::seconds rest_kept_for{2};

// The body of the zygote's process.
class Zygote {
  public:
    // With every signal blocked: what the program does with one is never done here. `signals`: a signalfd of what it is
    // to hear; `mask`: the program's; `workers`: one each, empty.
    Zygote(const WorkerSettings& settings, int socket, int signals, const sigset_t& mask,
           std::vector<process::Forked>& workers)
        : settings_(settings), socket_(socket), signals_(signals), workers_(workers), mask_before_(mask) {
        ::prctl(PR_SET_NAME, "haid-zygote");
        // What workers leave behind becomes ours, to be ended with the pool.
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        // A Ctrl-C is for the program to decide on, which ends us by ending; so is what Slurm sends to all processes of
        // a step some time before its end (--signal=USR1@60).
        for (Disposition& disposition : dispositions_) {
            struct sigaction ignore {};
            ignore.sa_handler = SIG_IGN;
            ::sigaction(disposition.number, &ignore, &disposition.action);
        }
        struct sigaction standard {};
        standard.sa_handler = SIG_DFL;
        ::sigaction(SIGCHLD, &standard, nullptr);
        sigset_t blocked = mask_before_;
        for (int signal : {SIGCHLD, parent_gone}) sigaddset(&blocked, signal);
        ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
    }

    static sigset_t awaited() {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        sigaddset(&signals, parent_gone);
        return signals;
    }

    int run() {
        // A pool that is closed meanwhile has been quick: what it wanted is done already.
        const detail::EngineOptions& engine = settings_.engine;
        const bool all = engine.pool.initializer || (engine.hooks && engine.hooks->starts_for_a_purpose());
        for (std::size_t worker = 0; worker < workers_.size() && (all || !leaving()); ++worker) start(worker);
        int next_look_ms = -1;
        while (!parent_has_gone_ && !(leaving() && nobody_runs())) {
            pollfd sources[] = {{signals_, POLLIN, 0}, {socket_, POLLIN, 0}};
            ::poll(sources, 2, next_look_ms);
            take_signals();
            take_orders();
            reap();
            next_look_ms = give_back_memory();
        }
        end_everything();
        tell({all_workers, 0, 0});
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
        while (::read(signals_, &signal, sizeof signal) == sizeof signal) {
            if (static_cast<int>(signal.ssi_signo) == parent_gone) parent_has_gone_ = true;
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
        ::close(signals_);
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
        ::prctl(PR_SET_NAME, "haid-worker");
        for (const Disposition& disposition : dispositions_) {
            // Ctrl-C reaches every process of the terminal; workers leave it to the program, which ends them.
            if (disposition.number != SIGINT) ::sigaction(disposition.number, &disposition.action, nullptr);
        }
        ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
        return settings_.engine.program ? become_program(settings_, worker) : work(settings_, worker);
    }

    // Of an arena that has rested for long enough. Returns when it is to be looked at again; -1: when we are told.
    int give_back_memory() {
        channel::Header& header = settings_.segment->header();
        header.rest_told.store(0);
        std::uint64_t since = header.rest.load();
        if (since <= channel::emptied) return -1;
        const auto rests_until = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(since)) + rest_kept_for;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(rests_until - std::chrono::steady_clock::now());
        if (left.count() > 0) {
            header.rest_told.store(1);
            return static_cast<int>(std::min(left, std::chrono::milliseconds(rest_kept_for)).count());
        }
        if (!header.rest.compare_exchange_strong(since, channel::emptying)) return -1;
        const std::uint64_t begin = settings_.segment->arena_begin();
        settings_.segment->discard(begin, std::min(header.rest_size.load(), settings_.segment->arena_end() - begin));
        header.rest.store(channel::emptied);
        return -1;
    }

    // 0: none yet; -1: there are no children.
    static pid_t next_ended(int* status) {
        return system::uninterrupted([&] { return ::waitpid(-1, status, WNOHANG); });
    }

    void reap() {
        int status = 0;
        for (pid_t pid; (pid = next_ended(&status)) > 0;) {
            auto child = std::find_if(workers_.begin(), workers_.end(),
                                      [&](const process::Forked& one) { return one.pid == pid; });
            if (child == workers_.end()) continue;  // an orphan of a worker
            *child = {};
            auto worker = static_cast<std::size_t>(child - workers_.begin());
            tell({worker, exit_code_of(status), 0});
        }
    }

    void tell(const Death& death) {
        // It waits for a parent that is behind; one that has gone is noticed elsewhere. One that is not told would wait
        // for ever, so that is the end.
        if (system::uninterrupted([&] { return ::send(socket_, &death, sizeof death, MSG_NOSIGNAL); }) >= 0) return;
        if (errno == EPIPE || errno == ECONNRESET) return;
        system::tell("haid: a pool ends, for it cannot be told of its workers: {}\n", system::reason(errno));
        parent_has_gone_ = true;
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
        while (next_ended(nullptr) >= 0) {
            for (const system::ProcessEntry& entry : system::process_table()) {
                if (entry.parent == ::getpid()) ::kill(entry.pid, SIGKILL);
            }
            ::waitpid(-1, nullptr, 0);
        }
    }

    // Both are where the parent has made them: a new process that allocates memory pays for it with page faults.
    const WorkerSettings& settings_;
    int socket_;
    int signals_;
    std::vector<process::Forked>& workers_;
    std::array<Disposition, 7> dispositions_{
        {{SIGINT}, {SIGQUIT}, {SIGTERM}, {SIGHUP}, {SIGTSTP}, {SIGUSR1}, {SIGUSR2}}};
    sigset_t mask_before_;
    bool parent_has_gone_ = false;
};

// The parent's side.
class FromZygote : public WorkerSource {
  public:
    explicit FromZygote(const WorkerSettings& settings) {
        int ends[2];
        system::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "cannot make a socket");
        auto [ours, theirs] = system::own_both(ends);
        // Made here: where there is no descriptor for it, it is this constructor that says so. What it has in excess of
        // the zygote's is enough for a first worker there.
        const sigset_t awaited = Zygote::awaited();
        system::Descriptor signals(
            system::check(::signalfd(-1, &awaited, SFD_CLOEXEC | SFD_NONBLOCK), "cannot make a signal descriptor"));
        std::vector<process::Forked> workers(settings.segment->workers());
        sigset_t mask;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
        zygote_ = process::fork_child(
            [&] {
                ours.close();
                return Zygote(settings, theirs.get(), signals.get(), mask, workers).run();
            },
            {.die_with_parent = true, .death_signal = parent_gone, .signals_wait = true, .child_prints = false});
        socket_ = std::move(ours);
    }

    ~FromZygote() override {
        if (zygote_.pid <= 0) return;
        socket_.close();
        zygote_.lifeline.cut();
        system::uninterrupted([&] { return ::waitpid(zygote_.pid, nullptr, 0); });
    }

    int start(std::size_t worker) override {
        order({Order::Kind::start, static_cast<std::uint32_t>(worker)});
        return 0;
    }
    void kill(std::size_t worker) override { order({Order::Kind::kill, static_cast<std::uint32_t>(worker)}); }
    void tell_of_rest() override { order({Order::Kind::look, 0}); }

    void add_descriptors(std::vector<pollfd>& descriptors) const override {
        descriptors.push_back({socket_.get(), POLLIN, 0});
    }

    std::vector<Death> deaths() override {
        hear();
        if (gone_ && heard_.empty()) {
            throw Error(lost_.empty() ? "the process that starts the pool's workers was killed, and they with it"
                                      : lost_);
        }
        return std::exchange(heard_, {});
    }

    void join() override {
        // No worker may be left whose end would wake it.
        order({Order::Kind::look, 0});
        // What it has to tell is heard to the end: it cannot end before.
        int ended = 0;
        for (hear(); !gone_ && ended == 0; hear()) {
            ended = ::waitpid(zygote_.pid, nullptr, WNOHANG);
            pollfd news{socket_.get(), POLLIN, 0};
            if (ended == 0) ::poll(&news, 1, look_for_its_end_ms);
        }
        if (ended == 0) system::uninterrupted([&] { return ::waitpid(zygote_.pid, nullptr, 0); });
        zygote_ = {};
    }

  private:
    void hear() {
        Death death;
        ssize_t size;
        while ((size = ::recv(socket_.get(), &death, sizeof death, MSG_DONTWAIT)) == sizeof death) {
            if (death.worker == all_workers) {
                gone_ = true;
                return;
            }
            heard_.push_back(death);
        }
        if (size == 0 || (size < 0 && errno == ECONNRESET)) {
            gone_ = true;
        } else if (size < 0 && errno != EAGAIN && errno != EINTR) {
            lose("cannot hear");
        }
    }

    // Without an order or an answer somebody would wait for ever.
    void lose(const char* tried) {
        gone_ = true;
        lost_ = system::SystemError(errno, fmt::format("{} the process that starts the pool's workers", tried)).what();
    }

    // Whatever it has to tell is heard meanwhile: neither side waits for the other to read.
    void order(const Order& order) {
        while (!gone_ && ::send(socket_.get(), &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            if (errno == EINTR) continue;
            if (errno == EPIPE || errno == ECONNRESET) return;  // it has gone, which is heard
            if (errno != EAGAIN) return lose("cannot give an order to");
            pollfd ready{socket_.get(), POLLIN | POLLOUT, 0};
            ::poll(&ready, 1, -1);
            hear();
        }
    }

    process::Forked zygote_;
    system::Descriptor socket_;
    std::vector<Death> heard_;  // and not asked for yet
    bool gone_ = false;         // or lost
    std::string lost_;          // why
};

}  // namespace

std::unique_ptr<WorkerSource> fork_workers_from_zygote(const WorkerSettings& settings) {
    return std::make_unique<FromZygote>(settings);
}

}  // namespace haid::pool
