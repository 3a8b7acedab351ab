// Who a process is among those that the library has made: its name, its number below its parent's, its parent.
#pragma once

#include <string>

#include "haid/process.hpp"

namespace haid::library {

// Of the next child of this process: "1:2" for the second one of the first.
std::string next_identity();

// What a new process does first, before anything else runs in it.
void become_process(const ProcessInfo& info, const std::string& identity, const ProcessInfo& parent);

}  // namespace haid::library
