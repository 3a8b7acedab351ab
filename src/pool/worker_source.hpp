// Where worker processes come from, and where the news of their death comes from.
#pragma once

#include <poll.h>
#include <sys/wait.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "pool/worker.hpp"

namespace haid::pool {

// How a worker has ended.
struct Death {
    std::size_t worker;
    int exit_code;    // minus the signal's number, or the exit status, or WorkerLost::unknown_exit
    int start_error;  // errno: it could not even be started; 0: it was
};

// Of what waitpid says.
inline int exit_code_of(int status) {
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// One thread at a time.
class WorkerSource {
  public:
    // Ends what still runs, at once.
    virtual ~WorkerSource() = default;

    // 0, or the errno of why it could not be started, where that is known at once; else it is told as a Death. For each
    // worker after its death; those of a zygote begin without being asked.
    virtual int start(std::size_t worker) = 0;
    // Ends it with SIGKILL; its death is told like any other.
    virtual void kill(std::size_t worker) = 0;
    // The arena rests (channel::ArenaRest): where somebody sees to its memory, he is told.
    virtual void tell_of_rest() {}
    // What becomes readable when there is news.
    virtual void add_descriptors(std::vector<pollfd>& descriptors) const = 0;
    // News since the last call. Never blocks. Throws haid::Error where no worker can run any more.
    virtual std::vector<Death> deaths() = 0;
    // Waits until all workers have ended; they have been told to leave.
    virtual void join() = 0;
};

// Workers are forked by the process that asks, on the thread that asks: they see everything as it is at that moment.
// None runs before it is started.
std::unique_ptr<WorkerSource> fork_workers_here(const WorkerSettings& settings);

// Workers are forked by a zygote: a child with one thread, forked now, which keeps the program as it is now, so that a
// worker that replaces another starts as the first did. It outlives nobody: when its parent dies it ends the workers
// and all that they have started; when it dies, they die.
std::unique_ptr<WorkerSource> fork_workers_from_zygote(const WorkerSettings& settings);

}  // namespace haid::pool
