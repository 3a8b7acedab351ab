// Threads of the library's own.
#pragma once

#include <functional>
#include <thread>

namespace haid::system {

// All signals are blocked in it: they are for the program's own threads. Throws SystemError, which says `what_for` it
// was wanted ("the pool's callbacks") and which limit may stand in the way.
std::thread start_thread(const char* what_for, std::function<void()> body);

}  // namespace haid::system
