// Types by the names that their programmers know.
#pragma once

#include <string>
#include <typeinfo>

namespace haid::system {

// "std::runtime_error"; the compiler's own name where that cannot be read.
std::string readable_name(const std::type_info& type);

}  // namespace haid::system
