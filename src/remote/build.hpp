// Which program this is: a function is the same number on every node only where the program is the same file.
#pragma once

#include <cstdint>
#include <string>

namespace haid::remote {

// The build id of the program or shared library that this code is part of; where its linker gave it none, a hash of its
// file. Throws SystemError.
std::string this_build();

// Whether the function with that number (haid/detail/pool/functions.hpp) is part of it, too.
bool is_of_this_build(std::uint64_t function);

}  // namespace haid::remote
