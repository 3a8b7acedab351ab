// expect: haid: the function cannot be called with the items: a worker has copies of them
#include <haid/pool.hpp>
#include <string>
#include <vector>

int square(int number);

void send(haid::Pool& pool, const std::vector<std::string>& items) {
    auto squares = pool.map(square, items);
}
