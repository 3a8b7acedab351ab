// expect: haid: the items, or arguments, cannot cross to another process
// expect: Part
#include <haid/pool.hpp>
#include <vector>

struct Part {
    const std::vector<double>& all;
    std::size_t first;
};
double sum(const Part& part);

void send(haid::Pool& pool, const std::vector<Part>& parts) {
    pool.map(sum, parts);
}
