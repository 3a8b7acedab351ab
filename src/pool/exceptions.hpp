// How exceptions cross: the standard's types arrive as themselves, all others as haid::TaskError.
#pragma once

#include <cstddef>
#include <exception>
#include <span>

#include "haid/codec.hpp"

namespace haid::pool {

void encode_exception(Encoder& to, std::exception_ptr error);

// `task`, `worker`: where it happened. Bytes that are no exception become a TaskError that says so.
std::exception_ptr decode_exception(std::span<const std::byte> bytes, std::size_t task, int worker);

}  // namespace haid::pool
