// expect: haid: the function cannot be called with the items: a ThreadPool and haid::map call it with the items
#include <haid/map.hpp>
#include <vector>

void send(const std::vector<int>& items) {
    haid::for_each([](int& item) { ++item; }, items);
}
