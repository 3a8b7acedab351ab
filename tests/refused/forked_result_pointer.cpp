// expect: haid: the function's result cannot cross to another process
// expect: int
#include <haid/map.hpp>
#include <vector>

void send(const std::vector<int>& items) {
    haid::map([&](const int& item) { return &item; }, items);
}
