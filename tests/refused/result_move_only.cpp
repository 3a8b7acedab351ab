// expect: haid: the function's result cannot cross to another process
// expect: std::thread
#include <haid/pool.hpp>
#include <thread>
#include <vector>

std::thread start(int number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    auto threads = pool.map(start, items);
}
