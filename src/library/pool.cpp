#include "haid/pool.hpp"
#include "haid/map.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

#include "haid/error.hpp"
#include "library/pool_over_nodes.hpp"

namespace haid::detail {
namespace {

EngineOptions engine_options(PoolOptions options) {
    EngineOptions result;
    result.workers = options.workers;
    result.initializer = std::move(options.initializer);
    result.tasks_per_worker = options.tasks_per_worker;
    return result;
}

}  // namespace

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
BasicPool<false>::BasicPool(PoolOptions options) {
    if (!options.nodes.empty()) {
        throw std::invalid_argument("a ThreadPool has no nodes: threads are of this process");
    }
    engine_ = owned(Engine::of_threads(engine_options(std::move(options))));
}

}  // namespace haid::detail

namespace haid::library {

std::unique_ptr<detail::Engine> engine_of_processes(PoolOptions options) {
    detail::EngineOptions settings = detail::engine_options(std::move(options));
    settings.enter = detail::name_workers();
    return detail::Engine::of_processes(std::move(settings));
}

}  // namespace haid::library
