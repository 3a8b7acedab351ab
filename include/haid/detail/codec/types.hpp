// Lists of types.
#pragma once

namespace haid::detail {

template <class... T>
struct Types {};

}  // namespace haid::detail
