// How much a new program may be given: all of its arguments and its environment together.
#pragma once

#include <cstddef>

namespace haid::system {

// Each argument takes its bytes, the zero byte at its end and the pointer to it (execve(2)).
inline constexpr std::size_t bytes_beside_argument = 1 + sizeof(char*);

// What arguments may take beside this process's environment: a quarter of the stack's limit, 6 MiB at most and 128 KiB
// at least; 0 where the environment alone is more. 4 KiB are left for what is added to the environment and to the
// arguments (a job's own variables, a shell, the interpreter of a script).
std::size_t room_for_arguments();

}  // namespace haid::system
