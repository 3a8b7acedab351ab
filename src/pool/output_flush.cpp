#include "pool/output_flush.hpp"

#include <stdio.h>
#include <stdio_ext.h>

#include <iostream>

namespace haid::pool {
namespace {

// Its own text is what a stream buffer's put area holds; only a derived class may look.
struct Look : std::streambuf {
    static bool holds_text(const std::ostream& stream) {
        const std::streambuf* buffer = stream.rdbuf();
        return buffer != nullptr && (buffer->*&Look::pptr)() != (buffer->*&Look::pbase)();
    }
};

}  // namespace

bool has_unflushed_output() {
    return ::__fpending(stdout) > 0 || ::__fpending(stderr) > 0 || Look::holds_text(std::cout) ||
           Look::holds_text(std::clog) || Look::holds_text(std::cerr);
}

void flush_output() {
    std::cout.flush();
    std::clog.flush();
    std::cerr.flush();
    ::fflush(stdout);
    ::fflush(stderr);
}

}  // namespace haid::pool
