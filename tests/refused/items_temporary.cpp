// expect: haid: imap reads these items later, and they are gone then
#include <haid/pool.hpp>
#include <initializer_list>

int square(int number);

void send(haid::Pool& pool) {
    for (auto& result : pool.imap(square, std::initializer_list<int>{4, 2, 3})) static_cast<void>(result);
}
