// expect: haid: the function's result cannot cross to another process
// expect: char
#include <haid/pool.hpp>
#include <vector>

const char* name_of(int number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    pool.map_results(name_of, items);
}
