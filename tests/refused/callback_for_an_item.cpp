// expect: haid: the callback is called with the whole result
#include <haid/pool.hpp>
#include <vector>

int square(int number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    pool.map_async(square, items, {}, [](int) {});
}
