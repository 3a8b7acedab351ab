// What a worker process does: claims tasks, runs them, hands their results over, until there are no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "channel/segment.hpp"
#include "haid/detail/pool/call.hpp"
#include "system/prepared_budget.hpp"

namespace haid::pool {

struct WorkerSettings {
    channel::Segment* segment = nullptr;
    int event = -1;                // the parent's, see channel::ParentSleep
    detail::EngineOptions engine;  // what the pool is made from
    std::shared_ptr<system::PreparedBudget> budget = std::make_shared<system::PreparedBudget>();
};

// Puts this process's share of the CPUs into its environment; waits until the parent has told it.
void take_budget(const WorkerSettings& settings);

// To be called in a process of its own, for each number by one process at a time. Returns the exit status when the pool
// closes, `tasks_per_worker` are done, or the initializer has failed (the parent is told why).
int work(const WorkerSettings& settings, std::size_t worker);

}  // namespace haid::pool
