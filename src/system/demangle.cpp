#include "system/demangle.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace haid::system {

std::string readable_name(const std::type_info& type) {
    int status = 0;
    std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
    return name ? name.get() : type.name();
}

}  // namespace haid::system
