// expect: haid: the items, or arguments, cannot cross to another process
// expect: mutex
#include <deque>
#include <haid/pool.hpp>
#include <mutex>

struct Counter {
    std::mutex mutex;
    int count = 0;
};
int count(const Counter& counter);

void send(haid::Pool& pool, const std::deque<Counter>& counters) {
    pool.map(count, counters);
}
