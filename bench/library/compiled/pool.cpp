// A map with a Pool, and all of haid's headers.
#include <haid/haid.hpp>

#include <vector>

static int square(int x) {
    return x * x;
}

int main() {
    haid::Pool pool;
    return pool.map(square, std::vector{4, 2, 3}).front();
}
