// expect: haid: the function cannot be called with the elements of an item: it takes as many as a tuple has
#include <haid/pool.hpp>
#include <tuple>
#include <vector>

int add(int a, int b);

void send(haid::Pool& pool, const std::vector<std::tuple<int, int, int>>& items) {
    pool.starmap(add, items);
}
