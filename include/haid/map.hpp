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

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

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

namespace detail {

// For EngineOptions::enter of an engine that this process makes now: who its workers are (see current_process).
std::function<void(std::size_t)> name_workers();

// A map whose workers have this very object in their memory.
template <class Base, class F, class Iterator, Spread spread>
class ForkedCall final : public Base {
  public:
    ForkedCall(Limits limits, F& f, Iterator items, std::uint64_t count)
        : Base(limits), f_(f), items_(items), count_(count) {}

    bool exhausted() const override { return handed_out_ == count_; }
    std::optional<std::uint64_t> remaining() const override { return count_ - handed_out_; }
    std::uint32_t fill(TaskWriter& writer) override {
        auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(writer.most_items, count_ - handed_out_));
        writer.run = &run;
        writer.context = reinterpret_cast<std::uintptr_t>(this);
        handed_out_ += count;
        return count;
    }
    std::unique_ptr<LocalTask> take(std::uint32_t) override { return nullptr; }

  private:
    static void run(Task& task) {
        auto& self = *reinterpret_cast<ForkedCall*>(task.context());
        const auto first = self.items_ + static_cast<std::ptrdiff_t>(task.first());
        using R = typename Base::Item;
        if constexpr (!std::is_void_v<R>) {
            if constexpr (flat<R> && sizeof(R) <= Task::largest_flat) {
                return task.run_all<R>([&](std::uint32_t item) -> R {
                    return detail::call_with<spread>(self.f_, first[static_cast<std::ptrdiff_t>(item)]);
                });
            }
        }
        while (task.claim()) {
            while (task.next()) {
                try {
                    auto&& item = first[static_cast<std::ptrdiff_t>(task.item())];
                    if constexpr (std::is_void_v<R>) {
                        detail::call_with<spread>(self.f_, item);
                    } else {
                        task.write_value<R>(detail::call_with<spread>(self.f_, item));
                    }
                } catch (...) {
                    task.failed(std::current_exception());
                }
            }
        }
    }

    F& f_;
    Iterator items_;
    std::uint64_t count_;
    std::uint64_t handed_out_ = 0;
};

template <Spread spread, class F, class Items>
auto map_forked(F& f, Items&& items, const MapOptions& options) {
    if constexpr (!std::ranges::random_access_range<Items> || !std::ranges::sized_range<Items>) {
        // Items that cannot be reached by their number are put where they can.
        auto all = detail::collected(items);
        return detail::map_forked<spread>(f, all, options);
    } else {
        using R = std::remove_cvref_t<decltype(detail::call_with<spread>(f, *std::ranges::begin(items)))>;
        static_assert(std::is_void_v<R> || Crossable<R>,
                      "haid: the function's result cannot cross to another process; see haid/codec.hpp");
        using Iterator = std::ranges::iterator_t<Items>;
        auto count = static_cast<std::uint64_t>(std::ranges::size(items));
        using Base = Gather<R, AsVector>;
        auto call = std::make_shared<ForkedCall<Base, F, Iterator, spread>>(detail::limits_of(options), f,
                                                                            std::ranges::begin(items), count);
        std::shared_ptr<OutcomeCall<AsVector::type<R>>> outcome = call;
        if (count == 0) {
            call->finished();
            if constexpr (std::is_void_v<R>) {
                return;
            } else {
                return std::move(outcome->value());
            }
        }
        call->collected().reserve(count);
        auto engine = Engine::of_processes(
            {.pool = {.workers = std::max(options.workers, 0)},
             .most_workers = static_cast<int>(std::min<std::uint64_t>(count, std::numeric_limits<int>::max())),
             .enter = name_workers(),
             .fork_here = true});
        return detail::run_call(*engine, outcome, options, static_cast<std::size_t>(count));
    }
}

}  // namespace detail

// f of every item, in order. Void where f is.
template <class F, std::ranges::input_range Items>
auto map(F&& f, Items&& items, const MapOptions& options = {}) {
    return detail::map_forked<detail::Spread::item>(f, items, options);
}
// Each item is a tuple (or pair) of arguments.
template <class F, std::ranges::input_range Items>
auto starmap(F&& f, Items&& items, const MapOptions& options = {}) {
    return detail::map_forked<detail::Spread::tuple>(f, items, options);
}
// f of every item, for what it does to the world outside of this process: what it returns is dropped.
template <class F, std::ranges::input_range Items>
void for_each(F&& f, Items&& items, const MapOptions& options = {}) {
    auto without_result = [&](auto&& item) { static_cast<void>(std::invoke(f, std::forward<decltype(item)>(item))); };
    detail::map_forked<detail::Spread::item>(without_result, items, options);
}

}  // namespace haid
