// expect: haid: the pool keeps a function of its own, and this one cannot be copied
#include <haid/pool.hpp>
#include <memory>
#include <vector>

void send(haid::ThreadPool& pool, const std::vector<int>& items) {
    auto add = [by = std::make_unique<int>(1)](int item) { return item + *by; };
    std::vector<int> sums = pool.map(add, items);
}
