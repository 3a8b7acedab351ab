// The same with oneTBB.
#include <oneapi/tbb.h>

#include <vector>

static int square(int x) {
    return x * x;
}

int main() {
    std::vector<int> squares{4, 2, 3};
    oneapi::tbb::parallel_for(std::size_t{0}, squares.size(), [&](std::size_t i) { squares[i] = square(squares[i]); });
    return squares.front();
}
