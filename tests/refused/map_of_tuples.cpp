// expect: haid: the function takes the elements of an item one by one: that is starmap
#include <haid/pool.hpp>
#include <utility>
#include <vector>

int add(int a, int b);

void send(haid::Pool& pool, const std::vector<std::pair<int, int>>& items) {
    pool.map(add, items);
}
