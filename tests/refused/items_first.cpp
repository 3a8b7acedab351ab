// expect: haid: these items are no range: first comes the function
#include <haid/pool.hpp>
#include <vector>

int square(int number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    pool.map(items, square);
}
