// expect: haid: this function captures variables, or may (std::function)
#include <functional>
#include <haid/pool.hpp>
#include <vector>

auto send(haid::Pool& pool, const std::vector<int>& items, const std::function<int(int)>& f) {
    return pool.map_async(f, items);
}
