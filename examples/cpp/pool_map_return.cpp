// A pool computes the squares, and the main program prints them: in order.
//
//     $ pool_map_return
//     16 4 9 25
#include <haid/haid.hpp>
#include <iostream>
#include <vector>

int square(int x) {
    return x * x;
}

int main() {
    haid::Pool pool;

    // The results are where their inputs were, whichever worker was first.
    std::vector<int> squares = pool.map(square, std::vector{4, 2, 3, 5});

    // Returning results and printing them in one place is better than printing in the workers (pool_map_print).
    for (int s : squares) std::cout << s << ' ';
    std::cout << '\n';
}
