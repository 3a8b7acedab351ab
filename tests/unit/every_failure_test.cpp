// What can fail, fails once: every system call that a door makes, wherever it makes it, in this process or in those
// that are started for it, with an error that the kernel has for it. What was wanted comes about all the same, or an
// error says what could not be done and gives the system's reason; nobody waits for ever, and nothing is left.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <numeric>
#include <ostream>
#include <string>
#include <vector>

#include "channel/segment.hpp"
#include "cluster/submitted_runs.hpp"
#include "command/local_runner.hpp"
#include "command/run.hpp"
#include "failing_calls.hpp"
#include "haid/haid.hpp"
#include "nodes/connection.hpp"
#include "nodes/secret.hpp"
#include "nodes/slurm_call.hpp"
#include "process/guard.hpp"
#include "processes.hpp"
#include "redirected.hpp"
#include "system/network.hpp"
#include "system/signals.hpp"
#include "system/timer.hpp"
#include "without_call.hpp"

namespace haid {
namespace {

constexpr unsigned patience = 60;  // seconds for a use of a door; none waits for more than some 10

struct Fault {
    SystemCall call;
    int error;
    std::optional<long> first = std::nullopt;
    bool of_files = false;
};

const Fault faults[] = {
    {SystemCall::accept4, EMFILE},
    {SystemCall::bind, ENOBUFS},
    {SystemCall::clone, EAGAIN},
    {SystemCall::clone, ENOMEM},
    {SystemCall::connect, ENOBUFS},
    {SystemCall::dup2, EMFILE},
    {SystemCall::epoll_create1, EMFILE},
    {SystemCall::epoll_ctl, ENOSPC},
    {SystemCall::epoll_wait, EINTR},
    {SystemCall::eventfd, EMFILE},
    {SystemCall::execve, ENOMEM},
    {SystemCall::fcntl, ENOMEM},
    {SystemCall::flock, ENOLCK},
    {SystemCall::fork, EAGAIN},
    {SystemCall::fork, ENOMEM},
    {SystemCall::fstat, EIO},
    {SystemCall::ftruncate, ENOSPC},
    {SystemCall::getsockname, ENOBUFS},
    {SystemCall::getsockopt, ENOBUFS},
    {SystemCall::listen, EADDRINUSE},
    {SystemCall::memfd_create, ENFILE},
    {SystemCall::mkdir, ENOSPC},
    {SystemCall::mmap, ENOMEM},
    {SystemCall::open, EMFILE},
    {SystemCall::open, EINTR},
    {SystemCall::opendir, EMFILE},
    {SystemCall::pipe2, EMFILE},
    {SystemCall::poll, ENOMEM},
    {SystemCall::poll, EINTR},
    {SystemCall::ppoll, ENOMEM},
    {SystemCall::ppoll, EINTR},
    {SystemCall::pread, EIO},
    {SystemCall::pthread_create, EAGAIN},
    {SystemCall::read, EIO},
    {SystemCall::read, EINTR},
    {SystemCall::recv, ENOMEM},
    {SystemCall::recv, EINTR},
    {SystemCall::rename, ENOSPC},
    {SystemCall::send, ENOBUFS},
    {SystemCall::send, EINTR},
    {SystemCall::sendfile, EIO},
    {SystemCall::sendmsg, ENOBUFS},
    {SystemCall::setrlimit, EPERM},
    {SystemCall::setsockopt, ENOBUFS},
    {SystemCall::signalfd, EMFILE},
    {SystemCall::socket, ENFILE},
    {SystemCall::socketpair, ENFILE},
    {SystemCall::splice, ENOMEM},
    {SystemCall::syscall, EMFILE, SYS_pidfd_open},
    {SystemCall::timerfd_create, EMFILE},
    {SystemCall::unlink, EPERM},
    {SystemCall::wait4, EINTR},
    {SystemCall::waitid, EINTR},
    {SystemCall::waitpid, EINTR},
    {SystemCall::write, ENOSPC, std::nullopt, true},
    {SystemCall::write, EINTR},
};

// What has come of a use: empty where it is what was wanted. Asked when nothing fails any more.
using Outcome = std::function<std::string()>;

Outcome expecting(bool right) {
    return [right] { return right ? "" : "something else came of it"; };
}

int twice(int value) {
    return 2 * value;
}

int sum(const std::vector<int>& numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0);
}

std::vector<int> inputs() {
    std::vector<int> numbers(100);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}
constexpr int sum_of_outputs = 9900;

Outcome use_pool(const std::string&) {
    return expecting(sum(Pool(2).map(twice, inputs())) == sum_of_outputs);
}

Outcome use_pool_in_background(const std::string&) {
    Pool pool(2);
    int by_callback = 0;
    std::exception_ptr failure;
    auto later = pool.map_async(
        twice, inputs(), {}, [&](const std::vector<int>& numbers) { by_callback = sum(numbers); },
        [&](const std::exception_ptr& error) { failure = error; });
    pool.close();
    pool.join();
    if (failure) std::rethrow_exception(failure);
    return expecting(by_callback == sum_of_outputs);
}

Outcome use_map(const std::string&) {
    int factor = 2;
    MapOptions options;
    options.workers = 2;
    return expecting(sum(haid::map([&](int value) { return factor * value; }, inputs(), options)) == sum_of_outputs);
}

Outcome use_threads(const std::string&) {
    return expecting(sum(ThreadPool(2).map(twice, inputs())) == sum_of_outputs);
}

Outcome use_process(const std::string&) {
    Process process([] {});
    process.start();
    process.join();
    return expecting(process.exit_code() == 0);
}

Outcome use_what_processes_share(const std::string&) {
    Lock lock;
    RLock again;
    Semaphore semaphore(1);
    Event event;
    Barrier barrier(2);
    Queue<int> queue;
    SharedArray<int> array(10);
    auto [reads, writes] = haid::Pipe(false);
    Process process([&, writing = &writes] {
        barrier.wait();
        const std::scoped_lock both(lock, again);
        queue.put(7);
        array[3] = 5;
        event.set();
        writing->send(std::string("through the pipe"));
    });
    process.start();
    writes.close();  // where nobody sends, that is to be told
    barrier.wait();
    event.wait();
    const int number = queue.get();
    const auto text = reads.recv<std::string>();
    process.join();
    return expecting(number == 7 && text == "through the pipe" && array[3] == 5);
}

Outcome use_loop(const std::string&) {
    system::EventLoop loop;
    system::SignalQueue signals({SIGUSR1});
    bool ticked = false;
    system::Ticker ticker(loop, std::chrono::milliseconds(1), [&] { ticked = true; });
    ::kill(::getpid(), SIGUSR1);
    std::optional<int> signal;
    while (!ticked || !signal) {
        loop.wait(system::Clock::now() + std::chrono::milliseconds(10));
        if (!signal) signal = signals.next();
    }
    return expecting(*signal == SIGUSR1);
}

Outcome use_guard(const std::string&) {
    process::Guard guard({{SIGTERM, std::chrono::milliseconds(1)}}, {});
    return expecting(guard.pid() > 0);
}

// Its outputs are larger than a pipe, and its memory for them small, so that all ways that output takes are gone.
Outcome use_run(const std::string& folder) {
    command::RunSettings settings;
    settings.shell = {"/bin/sh", command::QuoteStyle::bourne, true, ""};
    settings.command = {"/usr/bin/seq", "30000", ">", "/dev/stdout;", "echo"};
    settings.input.sources = {{false, false, {"1", "2", "3"}, {}}};
    settings.policy.slots = 2;
    settings.keep_order = true;
    settings.output_memory = 100;
    settings.temporary_folder = folder;
    settings.job_log = folder + "/log";
    std::string expected;
    for (int job = 1; job <= 3; ++job) {
        for (int i = 1; i <= 30000; ++i) expected += std::to_string(i) + "\n";
        expected += std::to_string(job) + "\n";
    }
    command::Observer nobody;
    const int status = command::Run(settings, nobody, [](const auto& its_settings, const auto& context) {
                           return std::make_unique<command::LocalRunner>(its_settings, context);
                       }).execute();
    return [=] {
        if (status != 0) return "the run has failed with status " + std::to_string(status);
        return content(STDOUT_FILENO) == expected ? std::string() : "its output is not what it is";
    };
}

Outcome use_secret(const std::string& folder) {
    const auto secret = nodes::Secret::random();
    const nodes::SecretFile file(secret, {folder});
    const auto same = nodes::Secret::read(file.path());
    return expecting(std::memcmp(secret.data(), same.data(), nodes::Secret::size) == 0);
}

Outcome use_slurms_command(const std::string&) {
    const auto said =
        nodes::run_and_listen({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, std::chrono::seconds(20));
    if (said.out == "out\n" && said.err == "err\n" && said.exit_status == 3) return expecting(true);
    return [said] { return "it said '" + said.out + "' and '" + said.err + "'"; };
}

Outcome use_network(const std::string&) {
    struct End : nodes::Connection::Listener {
        void on_messages(Decoder& from) override { came = decode<std::string>(from); }
        void on_closed(const std::string& reason) override { closed = reason; }
        std::string came, closed;
    };
    system::EventLoop loop;
    const auto secret = nodes::Secret::random();
    auto listening = system::listen_anywhere();
    const auto endpoint = system::Endpoint::parse("127.0.0.1:" + std::to_string(listening.port));
    auto calling = system::begin_connecting(*endpoint);
    pollfd called{listening.socket.get(), POLLIN, 0};
    std::optional<system::Accepted> accepted;
    while (!accepted) {
        ::poll(&called, 1, 10);
        accepted = system::accept_one(listening.socket.get());
    }
    if (const int error = system::connection_error(calling.get())) throw system::SystemError(error, "cannot connect");
    End one, other;
    nodes::Connection coordinator(loop, std::move(accepted->socket), secret, nodes::Connection::Side::coordinator, one);
    nodes::Connection agent(loop, std::move(calling), secret, nodes::Connection::Side::agent, other);
    agent.send(std::string("hello"));
    while (one.came.empty() && one.closed.empty() && other.closed.empty()) {
        loop.wait(system::Clock::now() + std::chrono::milliseconds(10));
    }
    const std::string closed = "a connection has ended: " + one.closed + other.closed;
    return [=, came = one.came] { return came == "hello" ? "" : closed; };
}

Outcome use_folder_of_a_run(const std::string& folder) {
    ::setenv("HAID_RUN_FOLDER", folder.c_str(), 1);
    cluster::RunFolder run(cluster::new_run_path());
    BlockingPipe input;
    system::write_all(input.write.get(), "x", "the input");
    input.write.close();
    const auto stored = run.store_input(input.read.get());
    run.write_script("true\n");
    cluster::SubmittedRun submitted;
    submitted.folder = run.path();
    submitted.number = "7";
    cluster::remember(submitted);
    const auto all = cluster::submitted_runs();
    return expecting(stored == 1 && all.size() == 1 && all.front().number == "7");
}

struct Door {
    const char* name;
    Outcome (*use)(const std::string& folder);

    friend std::ostream& operator<<(std::ostream& out, const Door& door) { return out << door.name; }
};

// What is known of a use, in memory that its process and ours share.
struct Seen {
    int failed;
    std::size_t descriptors_before, descriptors_after;
    char outcome[4096];
};

class EveryFailure : public testing::TestWithParam<Door> {
  protected:
    EveryFailure()
        : seen_(*static_cast<Seen*>(
              ::mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        folder_ = testing::TempDir() + "haid-failure-XXXXXX";
        if (!::mkdtemp(folder_.data())) throw std::runtime_error("mkdtemp failed");
    }
    ~EveryFailure() override {
        ::munmap(&seen_, sizeof(Seen));
        std::filesystem::remove_all(folder_);
    }

    // In a process of its own, for what fails may be made once for all.
    int use(const Fault& fault, int skip, int output, int messages) {
        const std::string folder = folder_ + "/use";
        std::filesystem::create_directory(folder);
        seen_ = {};
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::alarm(patience);
            ::dup2(output, STDOUT_FILENO);
            ::dup2(messages, STDERR_FILENO);
            seen_.descriptors_before = open_descriptors();
            std::string outcome;
            {
                Outcome what_came;
                std::optional<std::string> thrown;
                {
                    const FailingCall fails(fault.call, fault.error,
                                            {.skip = skip, .first = fault.first, .of_files = fault.of_files});
                    try {
                        what_came = GetParam().use(folder);
                    } catch (const std::exception& error) {
                        thrown = error.what();
                    }
                    seen_.failed = fails.failed();
                }
                outcome = thrown ? *thrown : what_came();
            }
            outcome.copy(seen_.outcome, sizeof seen_.outcome - 1);
            seen_.descriptors_after = open_descriptors();
            while (::waitpid(-1, nullptr, 0) > 0) {  // what was killed may have been adopted since
            }
            ::_exit(0);
        }
        const int status = exit_status(pid);
        std::filesystem::remove_all(folder);
        return status;
    }

    Seen& seen_;
    std::string folder_;
};

TEST_P(EveryFailure, IsOvercomeOrTold) {
    for (const Fault& fault : faults) {
        for (int skip = 0;; ++skip) {
            const auto output = system::unlinked_file(testing::TempDir());
            const auto error = system::unlinked_file(testing::TempDir());
            const int status = use(fault, skip, output.get(), error.get());
            const std::string told = seen_.outcome + ("\n" + content(error.get()));
            const std::string reason = system::reason(fault.error);
            SCOPED_TRACE(testing::Message() << "call " << skip + 1 << " of " << name_of(fault.call) << ": " << reason
                                            << "\nstatus " << status << ", told: " << told);
            ASSERT_EQ(status, 0) << "it has waited for too long, or crashed";
            EXPECT_EQ(seen_.descriptors_after, seen_.descriptors_before);
            if (*seen_.outcome != '\0') {
                EXPECT_GT(seen_.failed, 0);
                EXPECT_NE(told.find(reason), std::string::npos);
                EXPECT_GT(told.size(), reason.size() + 8) << "what was wanted is not said";
            }
            if (seen_.failed == 0) break;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Doors, EveryFailure,
                         testing::Values(Door{"Pool", use_pool}, Door{"PoolInTheBackground", use_pool_in_background},
                                         Door{"Map", use_map}, Door{"Threads", use_threads},
                                         Door{"Process", use_process},
                                         Door{"WhatProcessesShare", use_what_processes_share}, Door{"Loop", use_loop},
                                         Door{"Guard", use_guard}, Door{"Run", use_run}, Door{"Secret", use_secret},
                                         Door{"SlurmsCommand", use_slurms_command}, Door{"Network", use_network},
                                         Door{"FolderOfARun", use_folder_of_a_run}),
                         [](const auto& door) { return std::string(door.param.name); });

}  // namespace
}  // namespace haid
