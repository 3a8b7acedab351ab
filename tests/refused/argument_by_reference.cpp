// expect: haid: the function cannot be called with these arguments: a worker has copies of them
#include <haid/pool.hpp>

void double_it(int& number);

void send(haid::Pool& pool, int number) {
    pool.apply(double_it, number);
}
