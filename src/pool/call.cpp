#include "haid/detail/pool/call.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace haid::detail {
namespace {

std::chrono::nanoseconds not_negative(const char* what, std::chrono::nanoseconds time) {
    if (time.count() >= 0) return time;
    throw std::invalid_argument(fmt::format("{} of {:g} s: a time before now, which cannot be", what,
                                            std::chrono::duration<double>(time).count()));
}

}  // namespace

std::chrono::nanoseconds limit_of(std::chrono::nanoseconds time) {
    return not_negative("a time limit for each item", time) > Deadline::furthest ? std::chrono::nanoseconds(0) : time;
}

std::chrono::nanoseconds pause_of(std::chrono::nanoseconds time) {
    return not_negative("a pause before a retry", time);
}

}  // namespace haid::detail
