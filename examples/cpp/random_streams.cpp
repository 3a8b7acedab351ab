// Random numbers in parallel: each item draws from a stream of its own, so that the result is the same with every run,
// whatever the number of workers.
//
//     $ random_streams
//     pi is about 3.1429, with 1 worker
//     pi is about 3.1429, with 2 workers
//     pi is about 3.1429, with 3 workers
#include <haid/haid.hpp>
#include <iomanip>
#include <iostream>
#include <random>
#include <vector>

constexpr int throws = 200'000;

double estimate(int) {
    auto random = haid::stream(2026);  // of the item that runs here; made in the function, so that no two share it
    std::uniform_real_distribution<> uniform;
    int hits = 0;
    for (int i = 0; i < throws; ++i) {
        const double x = uniform(random), y = uniform(random);
        if (x * x + y * y < 1) ++hits;
    }
    return 4.0 * hits / throws;
}

int main() {
    for (int workers : {1, 2, 3}) {
        haid::Pool pool(workers);
        double sum = 0;
        for (double one : pool.map(estimate, std::vector(20, 0))) sum += one;
        std::cout << "pi is about " << std::fixed << std::setprecision(4) << sum / 20 << ", with " << workers
                  << " worker" << (workers > 1 ? "s" : "") << '\n';
    }
}
