// What a process that is started on some of our CPUs is told about it, so that nothing in it takes more.
#pragma once

#include <string>
#include <vector>

namespace haid::system {

// Entries of an environment: HAID_CPUS, which every haid obeys, and what numerical libraries take as their number of
// threads, where the user has not set it. `limit_threads`: these too.
std::vector<std::string> cpu_budget(int cpus, bool limit_threads = true);

// Puts it into the environment of this process. For a child that has just been forked: unlike setenv(3) it takes no
// lock that a thread of the parent may have held. What getenv(3) gave before stays as it was.
void apply_cpu_budget(int cpus);

}  // namespace haid::system
