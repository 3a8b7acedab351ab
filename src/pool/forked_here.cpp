#include <signal.h>
#include <sys/wait.h>

#include "haid/error.hpp"
#include "pool/worker_source.hpp"
#include "process/fork.hpp"
#include "system/error.hpp"

namespace haid::pool {
namespace {

class ForkedHere : public WorkerSource {
  public:
    explicit ForkedHere(const WorkerSettings& settings) : settings_(settings), children_(settings.segment->workers()) {}

    ~ForkedHere() override {
        for (std::size_t worker = 0; worker < children_.size(); ++worker) kill(worker);
        join();
    }

    int start(std::size_t worker) override {
        try {
            children_[worker] = process::fork_child([&] { return work(settings_, worker); },
                                                    {.die_with_parent = true, .sentinel = true});
            return 0;
        } catch (const system::SystemError& error) {
            return error.error();
        }
    }

    void kill(std::size_t worker) override {
        if (children_[worker].pid > 0) process::send(children_[worker], SIGKILL);
    }

    void add_descriptors(std::vector<pollfd>& descriptors) const override {
        for (const process::Forked& child : children_) {
            if (child.pid > 0) descriptors.push_back({child.sentinel.get(), POLLIN, 0});
        }
    }

    std::vector<Death> deaths() override {
        std::vector<Death> news;
        for (std::size_t worker = 0; worker < children_.size(); ++worker) reap(worker, WNOHANG, news);
        return news;
    }

    void join() override {
        std::vector<Death> news;
        for (std::size_t worker = 0; worker < children_.size(); ++worker) reap(worker, 0, news);
    }

  private:
    void reap(std::size_t worker, int options, std::vector<Death>& news) {
        process::Forked& child = children_[worker];
        if (child.pid <= 0) return;
        int status = 0;
        pid_t pid = system::uninterrupted([&] { return ::waitpid(child.pid, &status, options); });
        if (pid == 0) return;
        child = {};
        // Somebody else may have reaped it, or the kernel has, where SIGCHLD is ignored.
        news.push_back({worker, pid < 0 ? WorkerLost::unknown_exit : exit_code_of(status), 0});
    }

    WorkerSettings settings_;
    std::vector<process::Forked> children_;
};

}  // namespace

std::unique_ptr<WorkerSource> fork_workers_here(const WorkerSettings& settings) {
    return std::make_unique<ForkedHere>(settings);
}

}  // namespace haid::pool
