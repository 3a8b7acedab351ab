// The types of exceptions that arrive as themselves: the standard's, haid's own, and those that users have registered.
#pragma once

#include <cstdint>
#include <typeinfo>

#include "haid/detail/pool/exception_crossing.hpp"

namespace haid::pool {

// nullptr: it is none of them.
const detail::ExceptionCrossing* crossing_of(const std::type_info& type);
// By the number that another process of the program has sent, which may be any.
const detail::ExceptionCrossing* crossing_numbered(std::uint64_t number);

}  // namespace haid::pool
