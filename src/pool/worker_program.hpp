// Workers that are programs of their own: started by exec, they have nothing of the process whose pool they are in but
// what they are told, and find its memory by a descriptor.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "pool/worker.hpp"

namespace haid::pool {

// In a child that was forked for it: executes settings.program. Returns only where that cannot be, with the exit
// status.
int become_program(const WorkerSettings& settings, std::size_t worker);

// In such a program: what work() does. `place` is its last argument. Throws Error where it is none, SystemError.
int work_at(const std::string& place, std::shared_ptr<detail::WorkerHooks> hooks);

}  // namespace haid::pool
