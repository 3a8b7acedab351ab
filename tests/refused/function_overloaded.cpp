// expect: no matching
// expect: map
#include <haid/pool.hpp>
#include <vector>

int square(int number);
double square(double number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    pool.map(square, items);
}
