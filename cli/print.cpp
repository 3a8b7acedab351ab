#include "print.hpp"

#include <unistd.h>

#include "system/descriptor.hpp"

namespace haid::cli {

void print_text(std::string_view text) {
    const bool held = !system::is_writable(STDOUT_FILENO);
    system::write_all(
        STDOUT_FILENO, text,
        held ? "to standard output: it was closed (> /dev/null throws output away)" : "to standard output");
}

}  // namespace haid::cli
