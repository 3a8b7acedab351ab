// expect: haid: the function cannot be called with the items: a worker has copies of them
#include <haid/pool.hpp>
#include <vector>

void send(haid::Pool& pool, std::vector<int>& items) {
    pool.map([](int& item) { item = 0; }, items);
}
