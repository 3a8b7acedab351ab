// Libraries in this process that start threads of their own accord.
#pragma once

#include <vector>

namespace haid::system {

// What tells those that are loaded (OpenMP, OpenBLAS, MKL, BLIS) to use at most so many threads: they have read their
// variables when they were loaded. One whose variable is set already is left alone: somebody has decided. Also for
// children of this process.
std::vector<void (*)(int)> thread_setters();

}  // namespace haid::system
