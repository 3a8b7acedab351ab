// The same with haid::map, and no more headers than that needs.
#include <haid/map.hpp>

#include <vector>

static int square(int x) {
    return x * x;
}

int main() {
    return haid::map(square, std::vector{4, 2, 3}).front();
}
