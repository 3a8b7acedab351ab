#include "pool/options.hpp"

#include <fmt/format.h>

#include <utility>

namespace haid::pool {

void check(const PoolOptions& options) {
    for_each_number([&](const char* name, auto member, const NumberRule& rule) {
        const auto value = options.*member;
        if (std::cmp_greater_equal(value, rule.least) && std::cmp_less_equal(value, rule.most)) return;
        throw std::invalid_argument(
            fmt::format("a pool's `{}` cannot be {}: it is {} to {}", name, value, rule.least, rule.most));
    });
}

void check_for_threads(const PoolOptions& options) {
    check(options);
    const PoolOptions unsaid;
    for_each_number([&](const char* name, auto member, const NumberRule& rule) {
        if (rule.of_threads || options.*member == unsaid.*member) return;
        throw std::invalid_argument(
            fmt::format("a ThreadPool has no `{}`: its workers are threads of this process", name));
    });
    if (!options.nodes.empty()) {
        throw std::invalid_argument("a ThreadPool has no nodes: threads are of this process");
    }
}

}  // namespace haid::pool
