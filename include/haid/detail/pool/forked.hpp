// A map whose workers are forked for it. Not for users.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "haid/detail/pool/accepts.hpp"
#include "haid/detail/pool/calls.hpp"
#include "haid/detail/pool/gather.hpp"
#include "haid/detail/pool/items.hpp"
#include "haid/options.hpp"

namespace haid::detail {

// For EngineOptions::enter of an engine that this process makes now: who its workers are (see current_process).
std::function<void(std::size_t)> name_workers();

// The workers have this very object in their memory.
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
        detail::run_each<spread, typename Base::Item>(task, self.f_, [&](std::uint32_t item) -> decltype(auto) {
            return first[static_cast<std::ptrdiff_t>(item)];
        });
    }

    F& f_;
    Iterator items_;
    std::uint64_t count_;
    std::uint64_t handed_out_ = 0;
};

// What a function returns is dropped.
template <class F>
struct WithoutResult {
    F& f;

    template <class T>
        requires std::invocable<F&, T>
    void operator()(T&& item) {
        static_cast<void>(std::invoke(f, std::forward<T>(item)));
    }
};

template <class Items>
inline constexpr bool reachable_by_number = std::ranges::random_access_range<Items> && std::ranges::sized_range<Items>;

// Processes that are forked for the call: they have the items themselves, or what they were put into.
struct Forks {
    static constexpr bool crossing = false;
    template <class Items>
    using Argument = std::conditional_t<reachable_by_number<Items>, std::ranges::range_reference_t<Items>,
                                        std::ranges::range_value_t<Items>&>;
};

template <Spread spread, class F, class Items>
consteval bool accepts_forked() {
    if constexpr (accepts_items<Items&>()) {
        if constexpr (accepts_function<Forks, spread, F, Items>()) {
            return accepts_result<result_of<spread, F, Forks::Argument<Items>>>();
        }
    }
    return false;
}

template <Spread spread, class F, class Items>
auto run_forked(F& f, Items& items, const CallOptions& options, int workers) {
    if constexpr (!accepts_forked<spread, F, Items>()) {
        return Refused();
    } else if constexpr (!reachable_by_number<Items>) {
        // Items that cannot be reached by their number are put where they can.
        auto all = detail::collected(items);
        return detail::run_forked<spread>(f, all, options, workers);
    } else {
        using R = result_of<spread, F, Forks::Argument<Items>>;
        const auto count = static_cast<std::uint64_t>(std::ranges::size(items));
        auto call = std::make_shared<ForkedCall<AllValues<R>, F, std::ranges::iterator_t<Items>, spread>>(
            detail::limits_of(options), f, std::ranges::begin(items), count);
        if (count == 0) {
            call->finished();
            return call->take_value();
        }
        call->expect(count);
        const auto engine = Engine::of_processes(
            {.pool = {.workers = std::max(workers, 0)},
             .most_workers = static_cast<int>(std::min<std::uint64_t>(count, std::numeric_limits<int>::max())),
             .enter = name_workers(),
             .fork_here = true});
        detail::run_call(*engine, call, options, static_cast<std::size_t>(count));
        return call->take_value();
    }
}

}  // namespace haid::detail
