// What a process that is started on some of our CPUs is told about it, so that nothing in it takes more.
#pragma once

#include <string>
#include <vector>

namespace haid::system {

// Entries of an environment: HAID_CPUS, which every haid obeys, and what numerical libraries take as their number of
// threads, where the user has not set it. `limit_threads`: these too.
std::vector<std::string> cpu_budget(int cpus, bool limit_threads = true);

}  // namespace haid::system
