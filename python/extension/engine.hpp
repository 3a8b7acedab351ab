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
    // Forks. `options`: those of PoolOptions that are numbers, by name. See worker_hooks, and detail::WorkerProgram.
    Engine(const nanobind::dict& options, nanobind::object start, nanobind::object leave, nanobind::object live,
           bool has_initializer, std::optional<std::vector<std::string>> program, std::vector<int> descriptors);
    // Workers on all nodes of the Slurm job. `command`: what becomes a host, by serve(); `description`: for its `make`.
    Engine(std::vector<std::string> command, const nanobind::bytes& description, const std::string& nodes);

    // A call of the function; see encode_function and Call. `completion`: the number that completed() is to give.
    // `first_index`: as in detail::Limits.
    std::shared_ptr<Call> call(const nanobind::bytes& function, std::uint64_t number, Spread spread, Order order,
                               nanobind::object input, std::size_t bound, double timeout, std::uint32_t retries,
                               double backoff, bool in_background, std::optional<std::uint64_t> completion,
                               std::uint64_t first_index);

    // The numbers of calls that have finished, as they do; waits for the first. Empty: stop_telling() was called.
    std::vector<std::uint64_t> completed();
    void stop_telling();

    std::vector<int> worker_pids();
    void close();
    // Calls that read their input as their results are taken read no more of it.
    void end_inputs();
    // Of calls whose results are taken one after another, what has not begun will not.
    void give_up_lazy_calls();
    // Sees to signals meanwhile.
    void join();
    void terminate();

    int workers();
    bool is_idle() { return all_finished_within(std::chrono::milliseconds(0)); }
    const std::shared_ptr<detail::Engine>& shared() const { return engine_; }

  private:
    using Calls = std::vector<std::weak_ptr<BytesCall>>;
    static void remember(Calls& calls, const std::shared_ptr<BytesCall>& call);
    template <class Action>
    void for_unfinished(const Calls& calls, Action action);
    bool all_finished_within(std::chrono::milliseconds time);

    Calls calls_;
    Calls lazy_calls_;     // those of them whose results are taken one after another
    Calls reading_calls_;  // and those whose input is read meanwhile
    std::shared_ptr<detail::Engine> engine_;
    std::shared_ptr<Completions> completions_;
};

// Throws std::invalid_argument for options that a pool cannot have: see Engine.
void check_pool(const nanobind::dict& options);

// Whether a pool on these nodes has workers on others than this one.
bool spans_nodes(const std::string& nodes);

// In a program that a pool over nodes has started: runs what it is given. `make(description)` is an Engine. Returns the
// exit status.
int serve(const nanobind::object& make);

}  // namespace haid::python
