// Functions of the program by number: what a task carries must mean the same in every process of it.
#pragma once

#include <cstdint>

#include "haid/detail/pool/task.hpp"

namespace haid::pool {

// Relative to a place in the program: a forked process has its code where its parent has it.
std::uint64_t number_of(detail::RunTask run);
detail::RunTask function_of(std::uint64_t number);

}  // namespace haid::pool
