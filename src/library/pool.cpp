#include "haid/pool.hpp"
#include "haid/map.hpp"

#include <utility>

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
    EngineOptions settings = engine_options(std::move(options));
    settings.enter = name_workers();
    engine_ = Engine::of_processes(std::move(settings));
}

template <>
BasicPool<false>::BasicPool(PoolOptions options) : engine_(Engine::of_threads(engine_options(std::move(options)))) {}

}  // namespace haid::detail
