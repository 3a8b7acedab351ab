// Whether this process has printed something that is not out yet, and getting it out.
#pragma once

namespace haid::pool {

// Of stdout, stderr and std::cout, std::cerr, std::clog. Costs a few loads.
bool has_unflushed_output();
void flush_output();

}  // namespace haid::pool
