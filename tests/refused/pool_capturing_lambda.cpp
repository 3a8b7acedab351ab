// expect: haid: this function captures variables
// expect: or use haid::map
#include <haid/pool.hpp>
#include <vector>

std::vector<int> scaled(haid::Pool& pool, const std::vector<int>& items, int by) {
    return pool.map([by](int item) { return item * by; }, items);
}
