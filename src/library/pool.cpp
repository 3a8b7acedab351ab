#include "haid/pool.hpp"
#include "haid/map.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

#include "haid/error.hpp"
#include "library/pool_over_nodes.hpp"

namespace haid::detail {

template <>
BasicPool<true>::BasicPool(PoolOptions options) {
    std::unique_ptr<Engine> engine;
    if (!options.nodes.empty()) {
        if (haid_pool_over_nodes == nullptr) {
            throw Error(
                "a Pool with `nodes` needs a program that is linked with haid::cluster, haid's static library for it "
                "(CMake: target_link_libraries(… haid::cluster); pkg-config: haid-cluster)");
        }
        engine.reset(haid_pool_over_nodes(options));
    }
    engine_ = owned(engine ? std::move(engine) : library::engine_of_processes(std::move(options)));
}

template <>
BasicPool<false>::BasicPool(PoolOptions options) : engine_(owned(Engine::of_threads(options))) {}

}  // namespace haid::detail

namespace haid::library {

std::unique_ptr<detail::Engine> engine_of_processes(PoolOptions options) {
    return detail::Engine::of_processes({.pool = std::move(options), .enter = detail::name_workers()});
}

}  // namespace haid::library
