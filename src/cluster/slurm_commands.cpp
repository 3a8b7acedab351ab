#include "cluster/slurm_commands.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <string_view>

#include "system/command_path.hpp"
#include "system/error.hpp"
#include "system/event_loop.hpp"
#include "system/signals.hpp"
#include "system/spawn.hpp"

namespace haid::cluster {
namespace {

using system::Clock;

// A controller that is busy or restarted takes seconds; sbatch tries again for a while by itself.
constexpr std::chrono::seconds patience_with_sbatch{60};
constexpr std::chrono::seconds patience{20};

// The child, and what is to be heard of it.
class Listening {
  public:
    Listening(const std::vector<std::string>& words, const std::string& input)
        : signals_({SIGCHLD, SIGINT, SIGTERM, SIGHUP}), out_(system::make_pipe()), err_(system::make_pipe()) {
        const auto path = words.front().find('/') != std::string::npos ? std::optional(words.front())
                                                                       : system::CommandPath().find(words.front());
        if (!path) throw std::invalid_argument(fmt::format("Slurm's {} is not in PATH", words.front()));
        std::vector<const char*> arguments, environment;
        for (const std::string& word : words) arguments.push_back(word.c_str());
        arguments.push_back(nullptr);
        for (char** entry = environ; *entry != nullptr; ++entry) {
            // A budget here is none in the job, which gets its own CPUs.
            if (!std::string_view(*entry).starts_with("HAID_CPUS=")) environment.push_back(*entry);
        }
        environment.push_back(nullptr);
        const auto file = system::open_file(input.empty() ? "/dev/null" : input, O_RDONLY);
        system::SpawnPlan plan;
        plan.path = path->c_str();
        plan.arguments = arguments.data();
        plan.environment = environment.data();
        plan.input = file.get();
        plan.output = out_.write.get();
        plan.error = err_.write.get();
        plan.signal_mask = &signals_.mask_before();
        const system::Spawned spawned = system::spawn(plan);
        if (spawned.pid < 0) throw system::SystemError(spawned.error, fmt::format("cannot run {}", *path));
        pid_ = spawned.pid;
        out_.write.close();
        err_.write.close();
    }
    ~Listening() {
        if (pid_ > 0) end();
    }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

    Said listen(Clock::time_point until) {
        Said said;
        while (out_.read || err_.read || pid_ > 0) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
            if (left <= 0) {
                said.in_time = false;
                end();
                break;
            }
            std::array<pollfd, 3> ready{
                {{out_.read.get(), POLLIN, 0}, {err_.read.get(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
            ::poll(ready.data(), ready.size(), static_cast<int>(std::min<long>(left, 60'000)));
            take(out_.read, said.out);
            take(err_.read, said.err);
            while (auto signal = signals_.next()) {
                if (*signal != SIGCHLD) die_of(*signal);
            }
            reap(said);
        }
        return said;
    }

  private:
    void take(system::Descriptor& from, std::string& text) {
        char buffer[4096];
        while (from) {
            const ssize_t size = ::read(from.get(), buffer, sizeof buffer);
            if (size > 0) {
                text.append(buffer, static_cast<std::size_t>(size));
            } else if (size == 0) {
                from.close();
            } else if (errno != EINTR) {
                if (errno != EAGAIN) from.close();
                return;
            }
        }
    }

    void reap(Said& said) {
        int status = 0;
        if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return;
        pid_ = -1;
        said.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

    void end() {
        ::kill(-pid_, SIGKILL);
        system::uninterrupted([&] { return ::waitpid(pid_, nullptr, 0); });
        pid_ = -1;
    }

    // The terminal's Ctrl-C has not reached the child, which has a process group of its own.
    [[noreturn]] void die_of(int signal) {
        if (pid_ > 0) end();
        ::signal(signal, SIG_DFL);
        sigset_t one;
        ::sigemptyset(&one);
        ::sigaddset(&one, signal);
        ::raise(signal);
        ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
        ::_exit(128 + signal);
    }

    system::SignalQueue signals_;
    system::Pipe out_, err_;
    pid_t pid_ = -1;
};

std::string fault_of(const std::string& command, const Said& said) {
    if (!said.in_time) return fmt::format("{} has not answered in time", command);
    if (said.exit_status == 0) return "";
    std::string words = said.err;
    words.erase(words.find_last_not_of(" \n") + 1);
    return words.empty() ? fmt::format("{} ended with exit status {}", command, said.exit_status) : words;
}

void to_cluster(std::vector<std::string>& words, const std::string& cluster) {
    if (!cluster.empty()) words.push_back("--clusters=" + cluster);
}

// Columns of fixed widths: values may hold any character. Wide enough for what they hold, a path among them.
struct Column {
    const char* name;
    std::size_t width;
    std::string SlurmJob::*member;
};
constexpr std::array columns = {
    Column{"State", 32, &SlurmJob::state},          Column{"Reason", 64, &SlurmJob::reason},
    Column{"Name", 256, &SlurmJob::name},           Column{"NumNodes", 16, &SlurmJob::nodes},
    Column{"NodeList", 1024, &SlurmJob::node_list}, Column{"BatchHost", 256, &SlurmJob::first_node},
    Column{"TimeUsed", 32, &SlurmJob::time},        Column{"StdOut", 4096, &SlurmJob::output},
    Column{"StdErr", 4096, &SlurmJob::error}};
constexpr std::size_t exit_code_width = 16;

std::string take_column(std::string_view& row, std::size_t width) {
    std::string text(row.substr(0, width));
    row.remove_prefix(std::min(width, row.size()));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

template <class Each>
void for_each_line(std::string_view text, Each each) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        each(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::string take_field(std::string_view& row) {
    const std::size_t end = std::min(row.find('|'), row.size());
    std::string text(row.substr(0, end));
    row.remove_prefix(std::min(end + 1, row.size()));
    return text;
}

}  // namespace

Said run_and_listen(const std::vector<std::string>& words, std::chrono::seconds limit, const std::string& input) {
    return Listening(words, input).listen(Clock::now() + limit);
}

Submitted submit(const std::vector<std::string>& options, const std::string& script) {
    std::vector<std::string> words = {"sbatch", "--parsable"};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back(script);
    // Standard input, too: where the last option lacks its value it takes the script's name for that, and sbatch must
    // come to the script's own lines all the same, where it sees what is missing.
    Submitted submitted{run_and_listen(words, patience_with_sbatch, script), "", ""};
    std::string_view answer = submitted.said.out;
    answer = answer.substr(0, answer.find('\n'));
    const std::size_t digits = std::min(answer.find_first_not_of("0123456789"), answer.size());
    const bool number = digits > 0 && (digits == answer.size() || answer[digits] == ';');
    if (submitted.said.exit_status != 0 || !submitted.said.in_time || !number) return submitted;
    submitted.number = answer.substr(0, digits);
    submitted.cluster = answer.substr(std::min(digits + 1, answer.size()));
    return submitted;
}

bool has_ended(const std::string& state) {
    constexpr std::array ended = {"BOOT_FAIL", "CANCELLED",     "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED",
                                  "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",  "TIMEOUT"};
    return std::find(ended.begin(), ended.end(), state) != ended.end();
}

Seen look_at_own_jobs(const std::string& cluster) {
    std::vector<std::string> words = {"squeue",           "-h", "-t", "all", "-u", std::to_string(::getuid()), "-o",
                                      "%F|%T|%M|%D|%r|%j"};
    to_cluster(words, cluster);
    const Said said = run_and_listen(words, patience);
    Seen seen{{}, fault_of("squeue", said)};
    if (!seen.fault.empty()) return seen;
    for_each_line(said.out, [&](std::string_view row) {
        if (row.starts_with("CLUSTER: ")) return;
        SlurmJob job;
        for (auto member :
             {&SlurmJob::number, &SlurmJob::state, &SlurmJob::time, &SlurmJob::nodes, &SlurmJob::reason}) {
            job.*member = take_field(row);
        }
        job.name = row;
        seen.jobs.push_back(job);
    });
    return seen;
}

Seen look_at_job(const std::string& number, const std::string& cluster) {
    std::string format = fmt::format("exit_code:{}", exit_code_width);
    for (const Column& column : columns) format += fmt::format(",{}:{}", column.name, column.width);
    std::vector<std::string> words = {"squeue", "-h", "-t", "all", "-j", number, "-O", format};
    to_cluster(words, cluster);
    const Said said = run_and_listen(words, patience);
    Seen seen{{}, fault_of("squeue", said)};
    if (seen.fault.find("Invalid job id") != std::string::npos) seen.fault.clear();
    if (!seen.fault.empty()) return seen;
    for_each_line(said.out, [&](std::string_view row) {
        if (row.starts_with("CLUSTER: ")) return;  // before the jobs of another one
        SlurmJob job;
        job.number = number;
        const std::string status = take_column(row, exit_code_width);
        std::from_chars(status.data(), status.data() + status.size(), job.wait_status);
        for (const Column& column : columns) job.*(column.member) = take_column(row, column.width);
        if (job.first_node == "n/a") job.first_node.clear();
        if (!job.state.empty()) seen.jobs.push_back(job);
    });
    return seen;
}

Said cancel(const std::vector<std::string>& numbers, const std::string& cluster) {
    std::vector<std::string> words = {"scancel"};
    to_cluster(words, cluster);
    words.insert(words.end(), numbers.begin(), numbers.end());
    return run_and_listen(words, patience);
}

namespace {

// A run does not begin or end much later for want of an answer.
constexpr std::chrono::seconds short_patience{10};

// Without white space at its end.
std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

std::string asked(const std::vector<std::string>& words) {
    try {
        const Said said = run_and_listen(words, short_patience);
        return said.in_time && said.exit_status == 0 ? trimmed(said.out) : "";
    } catch (const std::exception&) {
        return "";
    }
}

}  // namespace

std::string end_time_of(const std::string& number) {
    return asked({"squeue", "-h", "-j", number, "-o", "%e"});
}

std::string batch_node_of(const std::string& number) {
    return asked({"squeue", "-h", "-j", number, "-o", "%B"});
}

std::string state_of_node(const std::string& name) {
    return asked({"sinfo", "-h", "-n", name, "-o", "%T"});
}

std::string requeue(const std::string& number) {
    try {
        const Said said = run_and_listen({"scontrol", "requeue", number}, short_patience);
        if (!said.in_time) return fmt::format("scontrol has not answered for {} s", short_patience.count());
        return said.exit_status == 0 ? "" : trimmed(said.err);
    } catch (const std::exception& error) {
        return error.what();
    }
}

}  // namespace haid::cluster
