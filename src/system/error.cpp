#include "system/error.hpp"

namespace haid::system {

void throw_errno(const std::string& tried) {
    throw SystemError(errno, tried);
}

std::string reason(int error) {
    return std::generic_category().message(error);
}

}  // namespace haid::system
