// expect: haid: the function cannot be called with these arguments: a worker has copies of them
// expect: a C string as std::string
#include <haid/pool.hpp>

std::size_t length(const char* text);

void send(haid::Pool& pool) {
    pool.apply(length, "text");
}
