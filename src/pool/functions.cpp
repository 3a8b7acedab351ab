#include "pool/functions.hpp"

namespace haid::pool {
namespace {

std::uint64_t origin() {
    return reinterpret_cast<std::uintptr_t>(&number_of);
}

}  // namespace

std::uint64_t number_of(detail::RunTask run) {
    return reinterpret_cast<std::uintptr_t>(run) - origin();
}

detail::RunTask function_of(std::uint64_t number) {
    const auto address = static_cast<std::uintptr_t>(number + origin());
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number is what crosses
    return reinterpret_cast<detail::RunTask>(address);
}

}  // namespace haid::pool
