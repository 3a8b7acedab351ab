#include "haid/pool.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

#include "haid/detail/pool/forked.hpp"
#include "haid/error.hpp"
#include "library/pool_over_nodes.hpp"

namespace haid {
namespace {

std::unique_ptr<detail::Engine> engine_of(PoolOptions options) {
    if (options.nodes.empty()) return library::engine_of_processes(std::move(options));
    if (haid_pool_over_nodes == nullptr) {
        throw Error(
            "a Pool with `nodes` needs a program that is linked with haid::cluster, haid's static library for it "
            "(CMake: target_link_libraries(… haid::cluster); pkg-config: haid-cluster)");
    }
    std::unique_ptr<detail::Engine> engine(haid_pool_over_nodes(options));
    return engine ? std::move(engine) : library::engine_of_processes(std::move(options));
}

}  // namespace

template <>
Pool::BasicPool(PoolOptions options) : pool_(engine_of(std::move(options))) {}

template <>
// NOLINTNEXTLINE(performance-unnecessary-value-param): as Pool's, which moves them on
ThreadPool::BasicPool(PoolOptions options) : pool_(detail::Engine::of_threads(options)) {}

}  // namespace haid

namespace haid::library {

std::unique_ptr<detail::Engine> engine_of_processes(PoolOptions options) {
    return detail::Engine::of_processes({.pool = std::move(options), .enter = detail::name_workers()});
}

}  // namespace haid::library
