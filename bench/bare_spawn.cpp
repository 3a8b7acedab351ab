// The limit that haid is measured against: a loop that does nothing but start processes and wait for them.
#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

constexpr const char* usage =
    "usage: bare_spawn [--capture] [--peak] N P COMMAND [ARGUMENT]...\n"
    "       bare_spawn [--capture] [--peak] N P -c SHELL LINE\n"
    "Run COMMAND, or SHELL -c LINE, N times, P at a time, and wait for all of them.\n"
    "  --capture  read what each writes to stdout and stderr through two pipes\n"
    "  --peak     at the end, write the peak memory of the largest on stderr: peak_kib=NUMBER\n";

struct Plan {
    bool capture = false;
    bool peak = false;
    std::size_t jobs = 0;
    std::size_t at_once = 0;
    std::vector<char*> command;  // ends in a null pointer
};

// What became of the jobs so far.
struct Tally {
    std::size_t failed = 0;
    long peak_kib = 0;

    void add(int status, const rusage& used) {
        if (status != 0) ++failed;
        peak_kib = std::max(peak_kib, used.ru_maxrss);
    }
};

int check(int result, const char* what) {
    if (result == -1) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

// posix_spawn and its kin return the error.
void check_error(int error, const char* what) {
    if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

pid_t start(const Plan& plan, const posix_spawn_file_actions_t* actions) {
    pid_t pid = -1;
    check_error(posix_spawnp(&pid, plan.command[0], actions, nullptr, plan.command.data(), environ), plan.command[0]);
    return pid;
}

void wait_for(pid_t pid, Tally& tally) {
    int status = 0;
    rusage used{};
    check(wait4(pid, &status, 0, &used), "wait4");
    tally.add(status, used);
}

Tally run_inherited(const Plan& plan) {
    Tally tally;
    std::size_t running = 0;
    for (std::size_t started = 0; started < plan.jobs || running > 0;) {
        if (started < plan.jobs && running < plan.at_once) {
            start(plan, nullptr);
            ++started;
            ++running;
        } else {
            wait_for(-1, tally);
            --running;
        }
    }
    return tally;
}

// One job whose output is read: a place for it, used again and again.
struct Place {
    pid_t pid = -1;
    std::array<int, 2> streams{-1, -1};  // our ends of its stdout and stderr
    int open = 0;
};

class FileActions {
  public:
    FileActions() { check_error(posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init"); }
    ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;

    void duplicate(int from, int to) {
        check_error(posix_spawn_file_actions_adddup2(&actions_, from, to), "posix_spawn_file_actions_adddup2");
    }
    const posix_spawn_file_actions_t* get() const { return &actions_; }

  private:
    posix_spawn_file_actions_t actions_;
};

void start_captured(const Plan& plan, int poll, std::vector<Place>& places, std::size_t index) {
    Place& place = places[index];
    FileActions actions;
    std::array<int, 2> theirs{};
    for (std::size_t stream = 0; stream < 2; ++stream) {
        std::array<int, 2> ends{};
        check(pipe2(ends.data(), O_CLOEXEC), "pipe2");
        place.streams[stream] = ends[0];
        theirs[stream] = ends[1];
        actions.duplicate(ends[1], static_cast<int>(stream) + 1);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = std::uint64_t{index} * 2 + stream;
        check(epoll_ctl(poll, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
    }
    place.pid = start(plan, actions.get());
    place.open = 2;
    for (int end : theirs) check(close(end), "close");
}

// One read from a stream that is ready; true once the job's last stream has ended.
bool read_some(int poll, Place& place, std::size_t stream) {
    static std::array<char, 65536> buffer;
    const ssize_t got = read(place.streams[stream], buffer.data(), buffer.size());
    if (got == -1) throw std::system_error(errno, std::generic_category(), "read");
    if (got > 0) return false;
    // Closing alone does not take it out: a child that is just becoming its program may still hold a copy.
    check(epoll_ctl(poll, EPOLL_CTL_DEL, place.streams[stream], nullptr), "epoll_ctl");
    check(close(place.streams[stream]), "close");
    return --place.open == 0;
}

Tally run_captured(const Plan& plan) {
    Tally tally;
    const int poll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    std::vector<Place> places(plan.at_once);
    std::vector<std::size_t> free;
    for (std::size_t index = 0; index < places.size(); ++index) free.push_back(index);
    std::vector<epoll_event> events(2 * places.size());
    for (std::size_t started = 0, ended = 0; ended < plan.jobs;) {
        for (; started < plan.jobs && !free.empty(); ++started) {
            start_captured(plan, poll, places, free.back());
            free.pop_back();
        }
        const int space = static_cast<int>(events.size());
        const int ready = check(epoll_wait(poll, events.data(), space, -1), "epoll_wait");
        for (std::size_t i = 0; i < static_cast<std::size_t>(ready); ++i) {
            const std::size_t index = events[i].data.u64 / 2;
            if (!read_some(poll, places[index], events[i].data.u64 % 2)) continue;
            wait_for(places[index].pid, tally);
            free.push_back(index);
            ++ended;
        }
    }
    check(close(poll), "close");
    return tally;
}

std::size_t number(std::string_view text) {
    std::size_t value = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error != std::errc{} || end != last || value == 0) throw std::invalid_argument(usage);
    return value;
}

Plan parse(const std::vector<char*>& arguments) {
    static std::array<char, 3> dash_c{"-c"};
    Plan plan;
    std::size_t at = 1;
    for (; at < arguments.size(); ++at) {
        if (std::string_view(arguments[at]) == "--capture")
            plan.capture = true;
        else if (std::string_view(arguments[at]) == "--peak")
            plan.peak = true;
        else
            break;
    }
    if (arguments.size() < at + 3) throw std::invalid_argument(usage);
    plan.jobs = number(arguments[at]);
    plan.at_once = number(arguments[at + 1]);
    plan.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at) + 2, arguments.end());
    if (std::string_view(plan.command[0]) == "-c") {
        if (plan.command.size() != 3) throw std::invalid_argument(usage);
        plan.command = {plan.command[1], dash_c.data(), plan.command[2]};
    }
    plan.command.push_back(nullptr);
    return plan;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Plan plan = parse({argv, argv + argc});
        const Tally tally = plan.capture ? run_captured(plan) : run_inherited(plan);
        if (plan.peak) std::fprintf(stderr, "peak_kib=%ld\n", tally.peak_kib);
        if (tally.failed == 0) return 0;
        std::fprintf(stderr, "bare_spawn: %zu of %zu jobs failed\n", tally.failed, plan.jobs);
    } catch (const std::invalid_argument& error) {
        std::fputs(error.what(), stderr);
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bare_spawn: %s\n", error.what());
    }
    return 1;
}
