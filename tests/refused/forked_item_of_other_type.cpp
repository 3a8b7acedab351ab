// expect: haid: the function cannot be called with the items: a ThreadPool and haid::map call it with the items
#include <haid/map.hpp>
#include <string>
#include <vector>

void send(const std::vector<std::string>& items, int by) {
    auto scaled = haid::map([by](int item) { return item * by; }, items);
}
