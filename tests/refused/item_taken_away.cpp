// expect: haid: the function cannot be called with the items: a ThreadPool and haid::map call it with the items
#include <haid/pool.hpp>
#include <memory>
#include <vector>

void send(haid::ThreadPool& pool, std::vector<std::unique_ptr<int>>& items) {
    pool.map_async([](std::unique_ptr<int>) {}, std::move(items));
}
