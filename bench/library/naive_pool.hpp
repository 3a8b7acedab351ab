// The pool that one writes in an afternoon: forked workers, a pair of pipes each, and one item at a time.
#pragma once

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace bench {

inline int check(int result, const char* what) {
    if (result == -1) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

class NaivePool {
  public:
    NaivePool(int workers, int (*function)(int)) {
        for (int i = 0; i < workers; ++i) start(function);
    }
    ~NaivePool() {
        for (const Worker& worker : workers_) close(worker.to);
        for (const Worker& worker : workers_) {
            close(worker.from);
            waitpid(worker.pid, nullptr, 0);
        }
    }
    NaivePool(const NaivePool&) = delete;
    NaivePool& operator=(const NaivePool&) = delete;

    std::vector<int> map(const std::vector<int>& items) {
        std::vector<int> results(items.size());
        std::vector<std::size_t> at(workers_.size());  // which item each worker has
        std::vector<pollfd> ready;
        for (const Worker& worker : workers_) ready.push_back({worker.from, POLLIN, 0});
        std::size_t sent = 0;
        for (std::size_t w = 0; w < workers_.size() && sent < items.size(); ++w) send(w, at, items, sent);
        for (std::size_t done = 0; done < items.size();) {
            check(poll(ready.data(), ready.size(), -1), "poll");
            for (std::size_t w = 0; w < workers_.size(); ++w) {
                if (ready[w].revents == 0) continue;
                if (read(workers_[w].from, &results[at[w]], sizeof(int)) != sizeof(int))
                    throw std::runtime_error("a worker of the naive pool is gone");
                ++done;
                if (sent < items.size()) send(w, at, items, sent);
            }
        }
        return results;
    }

  private:
    struct Worker {
        pid_t pid;
        int to, from;
    };

    void start(int (*function)(int)) {
        std::array<int, 2> in{}, out{};
        check(pipe(in.data()), "pipe");
        check(pipe(out.data()), "pipe");
        const pid_t pid = check(fork(), "fork");
        if (pid == 0) {
            // The other workers' pipes end only when nobody else holds them.
            for (const Worker& other : workers_) close(other.to);
            close(in[1]);
            for (int item = 0; read(in[0], &item, sizeof item) == sizeof item;) {
                item = function(item);
                if (write(out[1], &item, sizeof item) != sizeof item) break;
            }
            _exit(0);
        }
        close(in[0]);
        close(out[1]);
        workers_.push_back({pid, in[1], out[0]});
    }

    void send(std::size_t worker, std::vector<std::size_t>& at, const std::vector<int>& items, std::size_t& sent) {
        at[worker] = sent;
        if (write(workers_[worker].to, &items[sent], sizeof(int)) != sizeof(int))
            throw std::runtime_error("a worker of the naive pool is gone");
        ++sent;
    }

    std::vector<Worker> workers_;
};

}  // namespace bench
