#include "follow.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#include "cluster/slurm_commands.hpp"
#include "cluster/submission.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"
#include "system/tell.hpp"

namespace haid::cli {
namespace {

using Clock = std::chrono::steady_clock;

// The controller serves everybody: it is asked every 5 s while the job waits or is young, then ever more rarely, so
// that its end is told late by no more than a tenth of its time.
constexpr std::chrono::seconds least_between{5}, most_between{30};
constexpr std::chrono::milliseconds look_at_output_every{500};
// A network file system may show the last lines after Slurm has told the end.
constexpr std::chrono::seconds patience_with_files{2};

// A file that grows. Opened anew each time: that is when a network file system asks its server how long it is.
class Tail {
  public:
    Tail(std::string path, std::uint64_t from, int to) : path_(std::move(path)), offset_(from), to_(to) {}

    // Empty, or why it cannot be read. It need not be there yet.
    std::string pour() {
        const system::Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!file) return errno == ENOENT ? "" : fault();
        if (const off_t end = ::lseek(file.get(), 0, SEEK_END); end >= 0 && std::uint64_t(end) < offset_) offset_ = 0;
        char buffer[64 * 1024];
        for (;;) {
            const ssize_t size = system::uninterrupted(
                [&] { return ::pread(file.get(), buffer, sizeof buffer, static_cast<off_t>(offset_)); });
            if (size <= 0) return size == 0 ? "" : fault();
            system::write_all(to_, {buffer, static_cast<std::size_t>(size)}, "the job's output");
            offset_ += static_cast<std::uint64_t>(size);
        }
    }

  private:
    std::string fault() const { return fmt::format("cannot follow '{}': {}", path_, system::reason(errno)); }

    std::string path_;
    std::uint64_t offset_;
    int to_;
};

class Follower {
  public:
    Follower(const FollowedJob& followed, const Personality& who) : followed_(followed), who_(who) {}

    int execute() {
        for (auto ask_at = Clock::now();; std::this_thread::sleep_for(look_at_output_every)) {
            if (Clock::now() >= ask_at) {
                if (auto status = ask()) return *status;
                const auto age = runs_since_ ? Clock::now() - *runs_since_ : Clock::duration{};
                ask_at = Clock::now() + std::clamp<Clock::duration>(age / 10, least_between, most_between);
            }
            pour();
        }
    }

  private:
    // The exit status, once the job has ended.
    std::optional<int> ask() {
        const cluster::Seen seen = cluster::look_at_job(followed_.number, followed_.cluster);
        if (!seen.fault.empty()) {
            tell(fmt::format("{} (asking again)", seen.fault));
            return std::nullopt;
        }
        if (seen.jobs.empty()) {
            pour();
            tell(fmt::format("Slurm does not know job {} any more, nor how it ended", followed_.number));
            return 255;
        }
        const cluster::SlurmJob& job = seen.jobs.front();
        if (!cluster::has_ended(job.state) && job.state != "COMPLETING") tell(what_it_does(job));
        if (job.state == "RUNNING" && !runs_since_) runs_since_ = Clock::now();
        if (!job.first_node.empty()) find_output(job);
        if (!cluster::has_ended(job.state)) return std::nullopt;
        pour();
        std::this_thread::sleep_for(patience_with_files);
        pour();
        return how_it_ended(job);
    }

    std::string what_it_does(const cluster::SlurmJob& job) const {
        if (job.state == "RUNNING") return fmt::format("job {} runs on {}", job.number, job.node_list);
        if (job.state != "PENDING") return fmt::format("job {}: {}", job.number, job.state);
        return fmt::format("job {} waits{}", job.number, job.reason == "None" ? "" : fmt::format(" ({})", job.reason));
    }

    int how_it_ended(const cluster::SlurmJob& job) {
        int status = 255;
        std::string how = job.state;
        if (WIFSIGNALED(job.wait_status)) {
            status = 128 + WTERMSIG(job.wait_status);
        } else if (WEXITSTATUS(job.wait_status) != 0) {
            status = WEXITSTATUS(job.wait_status);
            how += fmt::format(", exit status {}", status);
        } else if (job.state == "COMPLETED") {
            status = 0;
        }
        tell(fmt::format("job {} has ended: {} after {}", job.number, how, job.time));
        return status;
    }

    void find_output(const cluster::SlurmJob& job) {
        if (output_found_) return;
        const char* user = std::getenv("USER");
        const cluster::JobFacts facts{job.number, job.name, user != nullptr ? user : "", job.first_node};
        auto add = [&](const std::string& pattern, int to) {
            const auto path = cluster::expand_pattern(pattern, facts);
            if (!path) return tell(fmt::format("the output '{}' cannot be followed: its name is not known", pattern));
            const auto before = followed_.written_before.find(*path);
            tails_.emplace_back(*path, before != followed_.written_before.end() ? before->second : 0, to);
        };
        add(job.output, STDOUT_FILENO);
        if (!job.error.empty() && job.error != job.output) add(job.error, STDERR_FILENO);
        output_found_ = true;
    }

    void pour() {
        for (Tail& tail : tails_) {
            if (const std::string fault = tail.pour(); !fault.empty()) tell(fault);
        }
    }

    // What is new.
    void tell(const std::string& news) {
        if (news != told_) system::tell("{}: {}\n", who_.name, news);
        told_ = news;
    }

    const FollowedJob& followed_;
    const Personality& who_;
    std::vector<Tail> tails_;
    bool output_found_ = false;
    std::optional<Clock::time_point> runs_since_;
    std::string told_;
};

}  // namespace

int follow(const FollowedJob& followed, const Personality& who) {
    system::tell("{}: Ctrl-C ends the following alone; to end the job: {} cancel {}\n", who.name, who.name,
                 followed.number);
    return Follower(followed, who).execute();
}

}  // namespace haid::cli
