// Libraries in this process that start threads of their own accord.
#pragma once

namespace haid::system {

// Tells those that are loaded (OpenMP, OpenBLAS, MKL, BLIS) to use at most so many threads: they have read their
// variables when they were loaded. One whose variable is set already is left alone: somebody has decided. Some 20 µs.
void limit_loaded_libraries(int threads);

}  // namespace haid::system
