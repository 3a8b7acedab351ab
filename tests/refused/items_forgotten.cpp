// expect: no matching
// expect: map
#include <haid/pool.hpp>

int square(int number);

void send(haid::Pool& pool) {
    pool.map(square);
}
