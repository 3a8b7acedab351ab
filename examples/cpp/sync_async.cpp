// Synchronous: ask, wait, ask, wait. Asynchronous: ask, ask, ask, and wait at the end.
//
//     $ sync_async
//     synchronous
//     asked for 1
//     got 1
//     asked for 2
//     got 4
//     asked for 3
//     got 9
//     asynchronous
//     asked for 1
//     asked for 2
//     asked for 3
//     got 1
//     got 4
//     got 9
#include <haid/haid.hpp>
#include <iostream>
#include <tuple>
#include <vector>

int square(int x) {
    return x * x;
}

int main() {
    haid::Pool pool;

    // apply waits for its result: one worker works, the others have nothing to do.
    std::cout << "synchronous\n";
    for (int x : {1, 2, 3}) {
        std::cout << "asked for " << x << '\n';
        std::cout << "got " << pool.apply(square, x) << '\n';
    }

    // apply_async comes back at once, with a promise of the result; get waits for it. Meanwhile all workers work.
    std::cout << "asynchronous\n";
    std::vector<haid::AsyncResult<int>> promises;
    for (int x : {1, 2, 3}) {
        std::cout << "asked for " << x << '\n';
        promises.push_back(pool.apply_async(square, std::tuple{x}));
    }
    for (auto& promise : promises) std::cout << "got " << promise.get() << '\n';
}
