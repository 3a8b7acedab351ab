// A pool of worker processes prints the squares of ten numbers.
//
//     $ pool_map_print
//     0 squared is 0
//     1 squared is 1
//     …                      in whatever order the workers get to it: all lines are there, each whole
#include <haid/haid.hpp>
#include <iostream>
#include <ranges>

void print_square(int x) {
    std::cout << x << " squared is " << x * x << '\n';
}

int main() {
    haid::Pool pool;  // as many workers as this program may use CPUs

    // Calls print_square(0), print_square(1), … print_square(9) in the workers, and waits for all of it.
    pool.map(print_square, std::views::iota(0, 10));

    // No line is lost, also where the output goes to a file: a worker's lines are out before its call counts as done.
}
