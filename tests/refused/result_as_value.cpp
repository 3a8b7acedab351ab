// expect g++: cannot convert 'haid::Result<int>' to 'int'
// expect clang: no viable conversion from 'Result<int>' to 'int'
#include <haid/pool.hpp>
#include <vector>

int square(int number);

void send(haid::Pool& pool, const std::vector<int>& items) {
    for (int one : pool.imap(square, items)) static_cast<void>(one);
}
