#include <haid/haid.hpp>
#include <stdexcept>
#include <vector>

namespace {

int twice(int x) {
    if (x < 0) throw std::invalid_argument("negative");
    return 2 * x;
}

}  // namespace

// 42; -1: what a worker has thrown has not arrived as what it was.
extern "C" [[gnu::visibility("default")]] int plugin_answer() {
    haid::Pool pool(2);
    const int answer = pool.map(twice, std::vector{20, 21}).back();
    try {
        pool.map(twice, std::vector{-1});
    } catch (const std::invalid_argument&) {
        return answer;
    }
    return -1;
}
