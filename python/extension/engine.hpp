// The workers of a pool, as Python holds them. All members want the GIL, and let it go while they wait.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "call.hpp"
#include "worker.hpp"

namespace haid::python {

class Completions;

class Engine {
  public:
    // Forks. See worker_hooks, and detail::WorkerProgram.
    Engine(int workers, nanobind::object start, nanobind::object leave, bool has_initializer,
           std::uint64_t tasks_per_worker, std::optional<std::vector<std::string>> program,
           std::vector<int> descriptors);

    // A call of the function; see encode_function and Call. `completion`: the number that completed() is to give.
    std::shared_ptr<Call> call(const nanobind::bytes& function, std::uint64_t number, Spread spread, Order order,
                               nanobind::object input, std::size_t bound, double timeout, std::uint32_t retries,
                               double backoff, bool in_background, std::optional<std::uint64_t> completion);

    // The numbers of calls that have finished, as they do; waits for the first. Empty: stop_telling() was called.
    std::vector<std::uint64_t> completed();
    void stop_telling();

    std::vector<int> worker_pids();
    void close();
    // Sees to signals meanwhile.
    void join();
    void terminate();

  private:
    void remember(const std::shared_ptr<BytesCall>& call);
    bool all_finished_within(std::chrono::milliseconds time);

    std::vector<std::weak_ptr<BytesCall>> calls_;
    std::shared_ptr<detail::Engine> engine_;
    std::shared_ptr<Completions> completions_;
};

}  // namespace haid::python
