#include "haid/pool.hpp"

#include <sys/mman.h>

#include <cstdint>
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
BasicPool<true>::BasicPool(PoolOptions options) : engine_(Engine::of_processes(engine_options(std::move(options)))) {}

template <>
BasicPool<false>::BasicPool(PoolOptions options) : engine_(Engine::of_threads(engine_options(std::move(options)))) {}

void advise_large(void* memory, std::size_t size) {
    constexpr std::size_t large_page = std::size_t{2} << 20;
    if (size < 2 * large_page) return;
    const std::size_t before = (large_page - reinterpret_cast<std::uintptr_t>(memory) % large_page) % large_page;
    const std::size_t whole = (size - before) / large_page * large_page;
    ::madvise(static_cast<std::byte*>(memory) + before, whole, MADV_HUGEPAGE);
}

}  // namespace haid::detail
