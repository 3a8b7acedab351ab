// The same with what the standard library has.
#include <future>
#include <vector>

static int square(int x) {
    return x * x;
}

int main() {
    std::vector<std::future<int>> squares;
    for (const int x : {4, 2, 3}) squares.push_back(std::async(std::launch::async, square, x));
    return squares.front().get();
}
