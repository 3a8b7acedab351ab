// expect: haid: apply_async takes the arguments as a tuple
#include <haid/pool.hpp>

int square(int number);

void send(haid::Pool& pool) {
    auto later = pool.apply_async(square, 3);
}
