// The calls of a pool: one that is waited for, one that is left to itself, one whose items are read as it goes. Not for
// users.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include "haid/async_result.hpp"
#include "haid/detail/pool/accepts.hpp"
#include "haid/detail/pool/gather.hpp"
#include "haid/detail/pool/imap_call.hpp"
#include "haid/detail/pool/items.hpp"
#include "haid/detail/pool/kept.hpp"
#include "haid/detail/pool/pool_engine.hpp"
#include "haid/imap.hpp"
#include "haid/options.hpp"

namespace haid::detail {

// Throws std::invalid_argument.
Limits limits_of(const CallOptions& options);
// Submits the call and waits until it is ready. Throws the call's error, and what `progress` throws; then, too, nothing
// of the call runs any more.
void run_call(Engine& engine, const std::shared_ptr<Outcome>& call, const CallOptions& options,
              std::optional<std::size_t> total);
// Before the call is submitted: once it is ready the engine's own thread does this.
void do_when_ready(Engine& engine, const std::shared_ptr<Outcome>& call, std::function<void()> action);

using ErrorCallback = std::function<void(std::exception_ptr)>;

// One of the two is called once the call, which was not submitted yet, is ready.
template <class T, class Callback>
void call_back(Engine& engine, const std::shared_ptr<OutcomeCall<T>>& call, Callback callback,
               ErrorCallback error_callback) {
    constexpr bool has_callback = !std::is_null_pointer_v<Callback>;
    if constexpr (accepts_callback<Callback, T>()) {
        if (!has_callback && !error_callback) return;
        detail::do_when_ready(
            engine, call, [&call = *call, callback = std::move(callback), error_callback = std::move(error_callback)] {
                static_cast<void>(callback);
                if (call.error()) {
                    if (error_callback) error_callback(call.error());
                } else if constexpr (has_callback && std::is_void_v<T>) {
                    callback();
                } else if constexpr (has_callback) {
                    callback(std::as_const(call.value()));
                }
            });
    }
}

template <class Range>
Limits limits_for(Engine& engine, const CallOptions& options) {
    Limits limits = detail::limits_of(options);
    if constexpr (is_arguments<Range>) limits.first_index = engine.count_single();
    return limits;
}

template <class Workers, Spread spread, template <class> class Collector, class F, class Range>
using PoolCall =
    MapCall<Collector<result_on<Workers, spread, F, Range>>, std::decay_t<F>, Range, spread, Workers::crossing>;

// f of every item, as Collector collects them. Waits.
template <class Workers, Spread spread, template <class> class Collector, class F, class Items>
auto run(const PoolEngine& pool, F&& f, Items&& items, const CallOptions& options) {
    if constexpr (!accepts_items<Items>()) {
        return Refused();
    } else {
        auto range = detail::lent(std::forward<Items>(items));
        using Range = decltype(range);
        if constexpr (!accepts_call<Workers, spread, F, Range>()) {
            return Refused();
        } else {
            Engine& engine = pool.engine();
            const auto total = detail::size_of(range);
            auto call = std::make_shared<PoolCall<Workers, spread, Collector, F, Range>>(
                detail::limits_for<Range>(engine, options), std::forward<F>(f), std::move(range));
            if (total) call->expect(*total);
            detail::run_call(engine, call, options, total);
            return call->take_value();
        }
    }
}

// The same, and does not wait.
template <class Workers, Spread spread, template <class> class Collector, class F, class Items, class Callback>
auto begin(const PoolEngine& pool, F&& f, Items&& items, const CallOptions& options, Callback callback,
           ErrorCallback error_callback) {
    if constexpr (!accepts_items<Items>()) {
        return Refused();
    } else {
        auto range = detail::kept(std::forward<Items>(items));
        using Range = decltype(range);
        if constexpr (!accepts_call<Workers, spread, F, Range>()) {
            return Refused();
        } else {
            using Begun = PoolCall<Workers, spread, Collector, F, Range>;
            Engine& engine = pool.engine();
            std::shared_ptr<OutcomeCall<typename Begun::Whole>> call = std::make_shared<Begun>(
                detail::limits_for<Range>(engine, options), std::forward<F>(f), std::move(range));
            detail::call_back(engine, call, std::move(callback), std::move(error_callback));
            auto lock = engine.lock();
            engine.submit(lock, call, Engine::Driver::background);
            return AsyncResult(pool.shared(), std::move(call));
        }
    }
}

// The results one by one, while the items are being read.
template <class Workers, class F, class Items>
auto read_along(const PoolEngine& pool, F&& f, Items&& items, const CallOptions& options, bool in_order) {
    if constexpr (!accepts_items_read_later<Items>()) {
        return Refused();
    } else {
        auto range = detail::view_of(std::forward<Items>(items));
        using Range = decltype(range);
        if constexpr (!accepts_call<Workers, Spread::item, F, Range>()) {
            return Refused();
        } else {
            using R = result_on<Workers, Spread::item, F, Range>;
            const auto& engine = pool.shared();
            Limits limits = detail::limits_of(options);
            limits.one_at_a_time = options.chunk_size <= 1;
            limits.stop_at_failure = false;
            auto call = std::make_shared<RangeImapCall<R, std::decay_t<F>, Range, Spread::item, Workers::crossing>>(
                limits, in_order, std::forward<F>(f), std::move(range));
            auto source = std::make_shared<ImapSource<R>>(engine, std::move(call), options.buffer_size);
            pool.remember(source);
            return Imap<R>(std::move(source));
        }
    }
}

// How a function is called with arguments that are the call's own. A thread moves them where it has to.
template <class Workers, class F, class Tuple>
inline constexpr Spread spread_of =
    !Workers::crossing && !CallableWith<F, Tuple&, Spread::tuple> && CallableWith<F, Tuple&, Spread::moved_tuple>
        ? Spread::moved_tuple
        : Spread::tuple;

template <Spread spread>
void require_to_stay(const CallOptions& options) {
    if (spread == Spread::moved_tuple && options.retries > 0) {
        throw std::invalid_argument(
            "arguments that are moved into the function are gone when it has failed: take them as T& or const T&, "
            "or ask for no retries");
    }
}

template <class Argument>
inline constexpr bool is_options = std::is_same_v<std::remove_cvref_t<Argument>, CallOptions>;
// Whether the last of these arguments says how to call.
template <class... Argument>
inline constexpr bool ends_in_options =
    is_options<std::tuple_element_t<sizeof...(Argument), std::tuple<int, Argument...>>>;

// The last argument may be the options.
template <class Workers, class F, class... Argument>
auto run_one(const PoolEngine& pool, F&& f, Argument&&... argument) {
    const CallOptions none;
    auto all = std::forward_as_tuple(std::forward<Argument>(argument)..., none);
    constexpr std::size_t count = sizeof...(Argument) - (ends_in_options<Argument...> ? 1 : 0);
    return [&]<std::size_t... index>(std::index_sequence<index...>) {
        using All = decltype(all);
        using Tuple = carried<std::tuple<std::decay_t<std::tuple_element_t<index, All>>...>, Workers::crossing>;
        constexpr Spread spread = spread_of<Workers, std::decay_t<F>, Tuple>;
        const CallOptions& options = std::get<count>(all);
        detail::require_to_stay<spread>(options);
        return detail::run<Workers, spread, OneValue>(
            pool, std::forward<F>(f),
            Arguments<Tuple>(Tuple(std::forward<std::tuple_element_t<index, All>>(std::get<index>(all))...)), options);
    }(std::make_index_sequence<count>());
}

template <class Workers, class F, class Tuple, class Callback>
auto begin_one(const PoolEngine& pool, F&& f, Tuple arguments, const CallOptions& options, Callback callback,
               ErrorCallback error_callback) {
    using Carried = carried<Tuple, Workers::crossing>;
    constexpr Spread spread = spread_of<Workers, std::decay_t<F>, Carried>;
    detail::require_to_stay<spread>(options);
    return detail::begin<Workers, spread, OneValue>(pool, std::forward<F>(f),
                                                    Arguments<Carried>(Carried(std::move(arguments))), options,
                                                    std::move(callback), std::move(error_callback));
}

}  // namespace haid::detail
