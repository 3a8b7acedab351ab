// expect: haid: starmap wants items that are tuples (or pairs) of arguments
#include <haid/pool.hpp>
#include <vector>

int square(int number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    pool.starmap(square, items);
}
