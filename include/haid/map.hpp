// A parallel for-loop in one line, for any function: processes are forked when it is called.
//
//     auto areas = haid::map([&](const Tile& tile) { return render(scene, tile); }, tiles);
//     haid::for_each(process_file, files);
//
// The workers are copies of this process as it is at the call: whatever the function captures, and all items, are there
// without being copied or encoded (the system copies a page when somebody writes to it). What the function changes
// stays in its process; only results come back, so only they must be able to cross (see codec.hpp). Forking costs less
// than a millisecond a worker, and more where this process uses gigabytes: for many short calls there is Pool.
//
// Errors are those of Pool: the error of the first item that failed is thrown, a crash is a WorkerLost, and nothing is
// left behind. May be called from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "haid/detail/pool/forked.hpp"
#include "haid/options.hpp"
#include "haid/pool.hpp"

namespace haid {

// Named as designated initialisers want it: haid::map(f, items, {.workers = 4, .timeout = 10s}). All but `workers` are
// those of CallOptions.
struct MapOptions {
    int workers = 0;  // 0: as many as CPUs may be used
    std::size_t chunk_size = 0;
    Duration timeout = {};
    std::uint32_t retries = 0;
    Duration backoff = CallOptions{}.backoff;
    bool keep_going = false;
    std::function<void(std::size_t done, std::optional<std::size_t> total)> progress = {};

    operator CallOptions() const {
        return {.chunk_size = chunk_size,
                .timeout = timeout,
                .retries = retries,
                .backoff = backoff,
                .keep_going = keep_going,
                .progress = progress};
    }
};

// auto squares = haid::map(square, numbers);
// f of every item, in order. Void where f is.
template <class F, class Items>
auto map(F&& f, Items&& items, const MapOptions& options = {}) {
    return detail::run_forked<detail::Spread::item>(f, items, options, options.workers);
}
// auto sums = haid::starmap(add, std::vector{std::tuple{1, 2}, {5, 6}});
// Each item is a tuple (or pair) of arguments.
template <class F, class Items>
auto starmap(F&& f, Items&& items, const MapOptions& options = {}) {
    return detail::run_forked<detail::Spread::tuple>(f, items, options, options.workers);
}
// haid::for_each(process_file, files);
// f of every item, for what it does to the world outside of this process: what it returns is dropped.
template <class F, class Items>
void for_each(F&& f, Items&& items, const MapOptions& options = {}) {
    detail::WithoutResult<F> without_result{f};
    detail::run_forked<detail::Spread::item>(without_result, items, options, options.workers);
}

}  // namespace haid
