// expect g++: designator order for field 'haid::CallOptions::timeout' does not match declaration order
// expect clang: field designators to be specified in declaration order
#include <chrono>
#include <haid/pool.hpp>
#include <vector>

int square(int number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    pool.map(square, items, {.retries = 2, .timeout = std::chrono::seconds(10)});
}
