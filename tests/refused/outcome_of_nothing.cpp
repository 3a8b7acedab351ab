// expect: incomplete type
// expect: void
#include <haid/pool.hpp>
#include <vector>

void print(int number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    auto all = pool.map(print, items);
}
