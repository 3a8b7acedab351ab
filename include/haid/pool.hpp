// Pools of workers: calls of a function on many inputs, on every core that may be used.
//
//     haid::Pool pool;                                              // worker processes, one a usable CPU
//     auto squares = pool.map(square, std::vector{4, 2, 3});        // in order
//     auto sums = pool.starmap(add, std::vector{std::tuple{1, 2}, {5, 6}});
//     for (auto& r : pool.imap_unordered(square, numbers)) …        // as they come, lazily
//     auto later = pool.map_async(square, numbers);                 // later.get()
//
// A Pool's workers are processes forked when it is made: a function that crashes costs its own item, not the program.
// What it is called with and what it returns is copied from process to process (see codec.hpp); global variables are
// the worker's own, as they were when the pool was made. The function is a function, a lambda without captures or an
// object that the codec knows; for one that captures there is haid::map (map.hpp). What a function has printed is out
// before its result is told.
//
// A ThreadPool has the same members; its workers are threads of this process, for work that waits (for files, for the
// network). Functions may capture and are called with the items themselves (as T&), nothing is copied, a crash ends the
// program, and a time limit per item is refused.
//
// Members may be called from several threads, and from functions that run in a ThreadPool, but not from a child
// process, nor on a pool that was moved from: an Error. Destroying either does nothing. Items that a range makes when
// it is read (a stream, views::transform) are all read before a call begins; imap reads them as it goes. Items that are
// there already are read where they lie while the call runs; what decides which ones (the predicate of views::filter)
// is asked before. Either may use the pool. An exception that a function throws arrives as the same type if it is one
// of the standard's or registered, else as the nearest base that is, else as TaskError (see exception.hpp); a worker
// that dies as WorkerLost. Where several items fail, a call throws the error of the first of those that were told
// before the rest was given up (see CallOptions::keep_going).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <ranges>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "haid/async_result.hpp"
#include "haid/detail/pool/gather.hpp"
#include "haid/detail/pool/items.hpp"
#include "haid/exception.hpp"
#include "haid/imap.hpp"
#include "haid/options.hpp"
#include "haid/result.hpp"

namespace haid {
namespace detail {

inline Limits limits_of(const CallOptions& options) {
    Limits limits;
    limits.timeout = limit_of(options.timeout);
    limits.retries = options.retries;
    limits.backoff = pause_of(options.backoff);
    limits.chunk_size = static_cast<std::uint32_t>(std::min<std::size_t>(options.chunk_size, UINT32_MAX));
    limits.stop_at_failure = !options.keep_going;
    return limits;
}

// Submits the call and waits for its outcome.
template <class T>
T run_call(Engine& engine, const std::shared_ptr<OutcomeCall<T>>& call, const CallOptions& options,
           std::optional<std::size_t> total) {
    auto lock = engine.lock();
    engine.submit(lock, call, Engine::Driver::waiting);
    try {
        std::uint64_t told = 0;
        auto untold = [&] { return options.progress && call->done() != told; };
        while (!call->ready() || untold()) {
            engine.wait(
                lock, [&] { return call->ready() || untold(); }, std::nullopt);
            if (!untold()) continue;
            told = call->done();
            lock.unlock();
            options.progress(told, total);
            lock.lock();
        }
    } catch (...) {
        // The call reads the caller's inputs: it has to end before they do.
        if (!lock.owns_lock()) lock.lock();
        engine.cancel(lock, *call);
        engine.wait(
            lock, [&] { return call->ready(); }, std::nullopt);
        throw;
    }
    lock.unlock();
    if (call->error()) std::rethrow_exception(call->error());
    if constexpr (!std::is_void_v<T>) return std::move(call->value());
}

template <class Range>
std::optional<std::size_t> size_of(const Range& range) {
    if constexpr (std::ranges::sized_range<const Range>) {
        return static_cast<std::size_t>(std::ranges::size(range));
    } else {
        return std::nullopt;
    }
}

// Whether the last of these arguments says how to call.
template <class... Arguments>
inline constexpr bool ends_in_options =
    std::is_same_v<std::remove_cvref_t<std::tuple_element_t<sizeof...(Arguments), std::tuple<int, Arguments...>>>,
                   CallOptions>;

// The range, or a view of it if it is the caller's.
template <class Items>
auto view_of(Items&& items) {
    if constexpr (std::ranges::viewable_range<Items>) {
        return std::views::all(std::forward<Items>(items));
    } else {
        return std::ranges::subrange(std::ranges::begin(items),
                                     std::ranges::end(items));  // a view that cannot be copied
    }
}

// `crossing`: the workers are other processes.
template <bool crossing>
class BasicPool {
  public:
    BasicPool() : BasicPool(PoolOptions{}) {}
    explicit BasicPool(int workers) : BasicPool(PoolOptions{.workers = workers}) {}
    // Throws std::system_error where processes or threads cannot be started.
    explicit BasicPool(PoolOptions options);
    BasicPool(BasicPool&&) noexcept = default;
    // The pool that was here is ended.
    BasicPool& operator=(BasicPool&& other) noexcept {
        if (this == &other) return *this;
        BasicPool ended(std::move(*this));
        engine_ = std::move(other.engine_);
        readers_mutex_ = std::move(other.readers_mutex_);
        readers_ = std::move(other.readers_);
        return *this;
    }
    // Ends the workers at once. What was not done fails with PoolClosed; join() waits for it instead.
    ~BasicPool() {
        try {
            if (engine_) terminate();
        } catch (const Error&) {
            // In a child of the process whose pool it is: nothing here is to be ended.
        }
    }

    int workers() const { return engine().workers(); }

    // f of every item, in order. Waits. Void where f is.
    template <class F, std::ranges::input_range Items>
    auto map(F&& f, Items&& items, const CallOptions& options = {}) {
        return gather<AsVector, Spread::item>(std::forward<F>(f), std::forward<Items>(items), options);
    }
    // Each item is a tuple (or pair) of arguments.
    template <class F, std::ranges::input_range Items>
    auto starmap(F&& f, Items&& items, const CallOptions& options = {}) {
        return gather<AsVector, Spread::tuple>(std::forward<F>(f), std::forward<Items>(items), options);
    }
    // Every item's Result, failed or not: nothing is given up, nothing thrown for an item.
    template <class F, std::ranges::input_range Items>
    auto map_results(F&& f, Items&& items, CallOptions options = {}) {
        options.keep_going = true;
        return gather_results<Spread::item>(std::forward<F>(f), std::forward<Items>(items), options);
    }
    template <class F, std::ranges::input_range Items>
    auto starmap_results(F&& f, Items&& items, CallOptions options = {}) {
        options.keep_going = true;
        return gather_results<Spread::tuple>(std::forward<F>(f), std::forward<Items>(items), options);
    }

    // The Results as a range: in the order of the inputs, or as they come. Each item is a task of its own unless
    // chunk_size says otherwise. See Imap for what is read when.
    template <class F, std::ranges::input_range Items>
    auto imap(F&& f, Items&& items, const CallOptions& options = {}) {
        return imap_as<Spread::item>(std::forward<F>(f), std::forward<Items>(items), options, true);
    }
    template <class F, std::ranges::input_range Items>
    auto imap_unordered(F&& f, Items&& items, const CallOptions& options = {}) {
        return imap_as<Spread::item>(std::forward<F>(f), std::forward<Items>(items), options, false);
    }

    // f of these arguments, in a worker. Waits. The arguments are moved or copied as by std::thread; a C string comes
    // to the worker of a Pool as a std::string. A ThreadPool moves them on to a function that takes them by value where
    // it cannot be called otherwise (std::unique_ptr): then there can be no retries (std::invalid_argument). Options
    // come last: pool.apply(f, 3, 4, {.timeout = 10s}); behind more than four arguments with their name,
    // haid::CallOptions{.timeout = 10s}. They may also stand first.
    template <class F, class... Arguments>
    auto apply(F&& f, Arguments&&... arguments) {
        if constexpr (ends_in_options<Arguments...>) {
            return apply_but_last(std::forward<F>(f), std::forward_as_tuple(std::forward<Arguments>(arguments)...),
                                  std::make_index_sequence<sizeof...(Arguments) - 1>());
        } else {
            return apply_with({}, std::forward<F>(f), std::forward<Arguments>(arguments)...);
        }
    }
    template <class F>
    auto apply(F&& f, const CallOptions& options) {
        return apply_with(options, std::forward<F>(f));
    }
    template <class F, class A>
    auto apply(F&& f, A&& a, const CallOptions& options) {
        return apply_with(options, std::forward<F>(f), std::forward<A>(a));
    }
    template <class F, class A, class B>
    auto apply(F&& f, A&& a, B&& b, const CallOptions& options) {
        return apply_with(options, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b));
    }
    template <class F, class A, class B, class C>
    auto apply(F&& f, A&& a, B&& b, C&& c, const CallOptions& options) {
        return apply_with(options, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
    }
    template <class F, class A, class B, class C, class D>
    auto apply(F&& f, A&& a, B&& b, C&& c, D&& d, const CallOptions& options) {
        return apply_with(options, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                          std::forward<D>(d));
    }
    template <class F, class... Arguments>
    auto apply(const CallOptions& options, F&& f, Arguments&&... arguments) {
        return apply_with(options, std::forward<F>(f), std::forward<Arguments>(arguments)...);
    }

    // Do not wait. The items are moved or copied; what reading them throws is thrown at once. The callbacks run in a
    // thread of the pool, one after another; they must not throw.
    template <class F, std::ranges::input_range Items, class Callback = std::nullptr_t>
    auto map_async(F&& f, Items&& items, const CallOptions& options = {}, Callback callback = {},
                   std::function<void(std::exception_ptr)> error_callback = {}) {
        return gather_async<AsVector, Spread::item>(std::forward<F>(f), own(std::forward<Items>(items)), options,
                                                    std::move(callback), std::move(error_callback));
    }
    template <class F, std::ranges::input_range Items, class Callback = std::nullptr_t>
    auto starmap_async(F&& f, Items&& items, const CallOptions& options = {}, Callback callback = {},
                       std::function<void(std::exception_ptr)> error_callback = {}) {
        return gather_async<AsVector, Spread::tuple>(std::forward<F>(f), own(std::forward<Items>(items)), options,
                                                     std::move(callback), std::move(error_callback));
    }
    // The arguments as a tuple: pool.apply_async(f, std::tuple{1, 2}).
    template <class F, class Tuple = std::tuple<>, class Callback = std::nullptr_t>
    auto apply_async(F&& f, Tuple arguments = {}, const CallOptions& options = {}, Callback callback = {},
                     std::function<void(std::exception_ptr)> error_callback = {}) {
        using Carried = carried<Tuple, crossing>;
        constexpr Spread spread = spread_of<F, Carried>();
        require_to_stay<spread>(options);
        std::vector<Carried> one;
        one.emplace_back(std::move(arguments));
        return gather_async<AsValue, spread>(std::forward<F>(f), own(std::move(one)), options, std::move(callback),
                                             std::move(error_callback));
    }

    // No further calls. Those that were made go on.
    void close() { engine().close(); }
    // Ends the workers now; what was not done fails with PoolClosed.
    void terminate() { engine().terminate(); }
    // After close() or terminate(): waits until everything is done and the workers have ended. imaps that are under way
    // read all of their input first, and keep their results.
    void join() {
        Engine& joined = engine();
        std::vector<std::weak_ptr<ImapReader>> readers;
        {
            std::lock_guard guard(*readers_mutex_);
            readers.swap(readers_);
        }
        for (auto& weak : readers) {
            if (auto reader = weak.lock()) reader->read_all();
        }
        joined.join();
    }

  private:
    Engine& engine() const {
        if (!engine_) throw Error("this pool was moved from: it has no workers");
        return *engine_;
    }

    template <class Items>
    static auto own(Items&& items) {
        if constexpr (!readable_in_place<Items> && items_stay<Items>) {
            return detail::located(
                std::make_shared<std::views::all_t<Items>>(std::views::all(std::forward<Items>(items))));
        } else if constexpr (!readable_in_place<Items>) {
            return std::ranges::owning_view(detail::collected(items));
        } else if constexpr (std::is_lvalue_reference_v<Items> && !std::ranges::view<std::remove_cvref_t<Items>>) {
            return std::ranges::owning_view(std::remove_cvref_t<Items>(items));
        } else {
            return std::views::all(std::forward<Items>(items));
        }
    }

    // How a function is called with arguments that are the pool's own.
    template <class F, class Tuple>
    static constexpr Spread spread_of() {
        const bool can = can_call_with<Spread::tuple, std::decay_t<F>, Tuple&>();
        return !crossing && !can && can_call_with<Spread::moved_tuple, std::decay_t<F>, Tuple&>() ? Spread::moved_tuple
                                                                                                  : Spread::tuple;
    }
    template <Spread spread>
    static void require_to_stay(const CallOptions& options) {
        if (spread == Spread::moved_tuple && options.retries > 0) {
            throw std::invalid_argument(
                "arguments that are moved into the function are gone when it has failed: take them as T& or const T&, "
                "or ask for no retries");
        }
    }
    template <class F, class... Arguments>
    auto apply_with(const CallOptions& options, F&& f, Arguments&&... arguments) {
        using Tuple = carried<std::tuple<std::decay_t<Arguments>...>, crossing>;
        constexpr Spread spread = spread_of<F, Tuple>();
        require_to_stay<spread>(options);
        std::vector<Tuple> one;
        one.emplace_back(std::forward<Arguments>(arguments)...);
        return gather<AsValue, spread>(std::forward<F>(f), std::move(one), options);
    }
    template <class F, class All, std::size_t... index>
    auto apply_but_last(F&& f, All all, std::index_sequence<index...>) {
        return apply_with(std::get<sizeof...(index)>(all), std::forward<F>(f),
                          std::forward<std::tuple_element_t<index, All>>(std::get<index>(all))...);
    }

    template <class Items>
    static auto unowned(Items& items) {
        return std::shared_ptr<Items>(std::shared_ptr<void>(), std::addressof(items));
    }

    // What the function is called with: a worker process has a copy of its own, a thread the item where it lies.
    template <class Range>
    using Argument = std::conditional_t<crossing, std::ranges::range_value_t<Range>,
                                        std::conditional_t<items_stay<Range>, std::ranges::range_reference_t<Range>,
                                                           std::ranges::range_value_t<Range>&>>;
    template <Spread spread, class F, class Range>
    using result_on = result_of<spread, std::decay_t<F>, Argument<Range>>;

    // To be asked before anything else: what else there is to complain about then is noise.
    template <Spread spread, class F, class Range>
    static constexpr bool can_call() {
        constexpr bool can = can_call_with<spread, std::decay_t<F>, Argument<Range>>();
        static_assert(can || !crossing,
                      "haid: the function cannot be called with the items: a worker has copies of them, so it takes "
                      "them by value or as const T&, not as T& (starmap: the elements of each item, one by one; "
                      "apply: a C string as std::string)");
        static_assert(can || crossing,
                      "haid: the function cannot be called with the items: a ThreadPool calls it with the items "
                      "themselves, so it takes them as T&, not as T&& (starmap: the elements of each item, one by "
                      "one)");
        return can;
    }

    template <class F, class T, class R>
    static constexpr void check() {
        if constexpr (crossing) {
            static_assert(sendable<F>,
                          "haid: this function captures variables, which the workers of a Pool do not have: give it "
                          "what it needs as arguments (starmap), or use haid::map, which forks when it is called");
            static_assert(Crossable<T>, "haid: the items cannot cross to another process; see haid/codec.hpp");
            static_assert(std::is_void_v<R> || Crossable<R>,
                          "haid: the function's result cannot cross to another process; see haid/codec.hpp");
        }
    }

    template <class Shape, Spread spread, class F, class Items>
    auto gather(F&& f, Items&& items, const CallOptions& options) {
        if constexpr (can_call<spread, F, Items>()) {
            using Base = Gather<result_on<spread, F, Items>, Shape>;
            return run<Base, spread>(std::forward<F>(f), std::forward<Items>(items), options);
        }
    }
    template <Spread spread, class F, class Items>
    auto gather_results(F&& f, Items&& items, const CallOptions& options) {
        if constexpr (can_call<spread, F, Items>()) {
            using Base = GatherResults<result_on<spread, F, Items>>;
            return run<Base, spread>(std::forward<F>(f), std::forward<Items>(items), options);
        }
    }

    template <class Base>
    Limits limits_for(const CallOptions& options) {
        Limits limits = detail::limits_of(options);
        if constexpr (Base::single) limits.first_index = engine().count_single();
        return limits;
    }

    template <class Base, Spread spread, class F, class Items>
    auto run(F&& f, Items&& items, const CallOptions& options) {
        if constexpr (!readable_in_place<Items> && items_stay<Items>) {
            // They are the caller's, who waits.
            return run_on<Base, spread>(std::forward<F>(f), detail::located(unowned(items)), options);
        } else if constexpr (!readable_in_place<Items>) {
            auto all = detail::collected(items);
            return run_on<Base, spread>(std::forward<F>(f), all, options);
        } else {
            return run_on<Base, spread>(std::forward<F>(f), std::forward<Items>(items), options);
        }
    }

    template <class Base, Spread spread, class F, class Items>
    auto run_on(F&& f, Items&& items, const CallOptions& options) {
        using Function = std::decay_t<F>;
        using Range = decltype(detail::view_of(std::forward<Items>(items)));
        check<Function, std::ranges::range_value_t<Range>, typename Base::Item>();
        auto total = detail::size_of(items);
        auto call = std::make_shared<MapCall<Base, Function, Range, spread, crossing>>(
            limits_for<Base>(options), std::forward<F>(f), detail::view_of(std::forward<Items>(items)));
        if constexpr (requires { call->collected(); }) {
            if (total) call->collected().reserve(*total);
        }
        return detail::run_call(engine(), outcome_of(call), options, total);
    }

    template <class Shape, Spread spread, class F, class Range, class Callback>
    auto gather_async(F&& f, Range range, const CallOptions& options, Callback callback,
                      std::function<void(std::exception_ptr)> error_callback) {
        if constexpr (can_call<spread, F, Range>()) {
            return submit_gather<Shape, spread>(std::forward<F>(f), std::move(range), options, std::move(callback),
                                                std::move(error_callback));
        }
    }
    template <class Shape, Spread spread, class F, class Range, class Callback>
    auto submit_gather(F&& f, Range range, const CallOptions& options, Callback callback,
                       std::function<void(std::exception_ptr)> error_callback) {
        using Function = std::decay_t<F>;
        using R = result_on<spread, F, Range>;
        check<Function, std::ranges::range_value_t<Range>, R>();
        using Base = Gather<R, Shape>;
        auto call = std::make_shared<MapCall<Base, Function, Range, spread, crossing>>(
            limits_for<Base>(options), std::forward<F>(f), std::move(range));
        auto outcome = outcome_of(call);
        auto lock = engine().lock();
        constexpr bool has_callback = !std::is_same_v<Callback, std::nullptr_t>;
        if (has_callback || error_callback) {
            // The engine outlives its calls; the call must not keep itself alive.
            auto* raw = outcome.get();
            Engine* engine = engine_.get();
            raw->when_ready([engine, weak = std::weak_ptr(outcome), callback = std::move(callback),
                             error_callback = std::move(error_callback)] {
                engine->later([call = weak.lock(), callback, error_callback] {
                    static_cast<void>(callback);
                    if (call->error()) {
                        if (error_callback) error_callback(call->error());
                    } else if constexpr (has_callback) {
                        if constexpr (std::is_void_v<typename Shape::template type<R>>) {
                            callback();
                        } else {
                            callback(std::as_const(call->value()));
                        }
                    }
                });
            });
        }
        engine_->submit(lock, call, Engine::Driver::background);
        return AsyncResult(engine_, outcome);
    }

    template <class T>
    static std::shared_ptr<OutcomeCall<T>> outcome_of(const std::shared_ptr<OutcomeCall<T>>& call) {
        return call;
    }
    template <class C>
    static auto outcome_of(const std::shared_ptr<C>& call) {
        return outcome_base(call, call.get());
    }
    template <class C, class T>
    static std::shared_ptr<OutcomeCall<T>> outcome_base(const std::shared_ptr<C>& call, OutcomeCall<T>*) {
        return call;
    }

    template <Spread spread, class F, class Items>
    auto imap_as(F&& f, Items&& items, const CallOptions& options, bool in_order) {
        if constexpr (can_call<spread, F, Items>()) {
            return imap_on<spread>(std::forward<F>(f), std::forward<Items>(items), options, in_order);
        }
    }
    template <Spread spread, class F, class Items>
    auto imap_on(F&& f, Items&& items, const CallOptions& options, bool in_order) {
        using Function = std::decay_t<F>;
        using Range = decltype(detail::view_of(std::forward<Items>(items)));
        using R = result_on<spread, F, Range>;
        check<Function, std::ranges::range_value_t<Range>, R>();
        static_cast<void>(engine());
        Limits limits = detail::limits_of(options);
        limits.one_at_a_time = options.chunk_size <= 1;
        limits.stop_at_failure = false;
        auto call = std::make_shared<RangeImapCall<R, Function, Range, spread, crossing>>(
            limits, in_order, std::forward<F>(f), detail::view_of(std::forward<Items>(items)));
        Imap<R> imap(engine_, call, options.buffer_size);
        std::lock_guard guard(*readers_mutex_);
        std::erase_if(readers_, [](const auto& reader) { return reader.expired(); });
        readers_.push_back(imap.reader());
        return imap;
    }

    std::shared_ptr<Engine> engine_;
    // On the heap, for a pool can be moved.
    std::unique_ptr<std::mutex> readers_mutex_ = std::make_unique<std::mutex>();
    std::vector<std::weak_ptr<ImapReader>> readers_;
};

template <>
BasicPool<true>::BasicPool(PoolOptions options);
template <>
BasicPool<false>::BasicPool(PoolOptions options);

}  // namespace detail

using Pool = detail::BasicPool<true>;
using ThreadPool = detail::BasicPool<false>;

}  // namespace haid
