// The same with a header-only pool of threads (Debian's libthread-pool-dev).
#include <thread_pool/thread_pool.hpp>

#include <vector>

static int square(int x) {
    return x * x;
}

int main() {
    thread_pool::ThreadPool pool;
    std::vector<std::future<int>> squares;
    for (const int x : {4, 2, 3}) squares.push_back(pool.Submit(square, x));
    return squares.front().get();
}
