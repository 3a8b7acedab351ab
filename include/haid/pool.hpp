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

#include <cstddef>
#include <exception>
#include <functional>
#include <tuple>
#include <utility>

#include "haid/async_result.hpp"
#include "haid/detail/pool/calls.hpp"
#include "haid/detail/pool/pool_engine.hpp"
#include "haid/exception.hpp"
#include "haid/imap.hpp"
#include "haid/options.hpp"
#include "haid/result.hpp"

namespace haid {

// What Pool and ThreadPool are. F: what can be called with an item; Items: any std::ranges::input_range, and what that
// holds. A call that cannot be made is refused at compile time, with the reason.
template <class Workers>
class BasicPool {
  public:
    // haid::Pool pool; haid::Pool four(4); haid::Pool pool({.workers = 4, .tasks_per_worker = 100});
    // Throw std::system_error where processes or threads cannot be started.
    BasicPool() : BasicPool(PoolOptions{}) {}
    explicit BasicPool(int workers) : BasicPool(PoolOptions{.workers = workers}) {}
    explicit BasicPool(PoolOptions options);
    // The pool that was here is ended.
    BasicPool(BasicPool&&) noexcept = default;
    BasicPool& operator=(BasicPool&&) noexcept = default;
    // Ends the workers at once. What was not done fails with PoolClosed; join() waits for it instead.
    ~BasicPool() = default;

    int workers() const { return pool_.engine().workers(); }

    // std::vector<int> squares = pool.map(square, numbers);
    // f of every item, in order. Waits. Void where f is.
    template <class F, class Items>
    auto map(F&& f, Items&& items, const CallOptions& options = {}) {
        return detail::run<Workers, item, detail::AllValues>(pool_, std::forward<F>(f), std::forward<Items>(items),
                                                             options);
    }
    // auto sums = pool.starmap(add, std::vector{std::tuple{1, 2}, {5, 6}});
    // Each item is a tuple (or pair) of arguments.
    template <class F, class Items>
    auto starmap(F&& f, Items&& items, const CallOptions& options = {}) {
        return detail::run<Workers, tuple, detail::AllValues>(pool_, std::forward<F>(f), std::forward<Items>(items),
                                                              options);
    }
    // for (auto& result : pool.map_results(read, files)) result ? use(*result) : complain(result.what());
    // Every item's Result, failed or not: nothing is given up, nothing thrown for an item.
    template <class F, class Items>
    auto map_results(F&& f, Items&& items, CallOptions options = {}) {
        options.keep_going = true;
        return detail::run<Workers, item, detail::AllResults>(pool_, std::forward<F>(f), std::forward<Items>(items),
                                                              options);
    }
    // The same, of tuples.
    template <class F, class Items>
    auto starmap_results(F&& f, Items&& items, CallOptions options = {}) {
        options.keep_going = true;
        return detail::run<Workers, tuple, detail::AllResults>(pool_, std::forward<F>(f), std::forward<Items>(items),
                                                               options);
    }

    // for (auto& result : pool.imap(square, numbers)) std::cout << *result << '\n';
    // The Results as a range, in the order of the inputs. Each item is a task of its own unless chunk_size says
    // otherwise. See Imap for what is read when.
    template <class F, class Items>
    auto imap(F&& f, Items&& items, const CallOptions& options = {}) {
        return detail::read_along<Workers>(pool_, std::forward<F>(f), std::forward<Items>(items), options, true);
    }
    // The same, as they come: result.index() says whose it is.
    template <class F, class Items>
    auto imap_unordered(F&& f, Items&& items, const CallOptions& options = {}) {
        return detail::read_along<Workers>(pool_, std::forward<F>(f), std::forward<Items>(items), options, false);
    }

    // int five = pool.apply(add, 2, 3);
    // f of these arguments, in a worker. Waits. The arguments are moved or copied as by std::thread; a C string comes
    // to the worker of a Pool as a std::string. A ThreadPool moves them on to a function that takes them by value where
    // it cannot be called otherwise (std::unique_ptr): then there can be no retries (std::invalid_argument).
    template <class F, class... Arguments>
        requires(!detail::is_options<F>)
    auto apply(F&& f, Arguments&&... arguments) {
        return detail::run_one<Workers>(pool_, std::forward<F>(f), std::forward<Arguments>(arguments)...);
    }
    // pool.apply(f, 3, 4, {.timeout = 10s}); behind more than four arguments options have to be named,
    // haid::CallOptions{.timeout = 10s}. They may also stand first.
    template <class F>
    auto apply(F&& f, const CallOptions& options) {
        return detail::run_one<Workers>(pool_, std::forward<F>(f), options);
    }
    template <class F, class A>
    auto apply(F&& f, A&& a, const CallOptions& options) {
        return detail::run_one<Workers>(pool_, std::forward<F>(f), std::forward<A>(a), options);
    }
    template <class F, class A, class B>
    auto apply(F&& f, A&& a, B&& b, const CallOptions& options) {
        return detail::run_one<Workers>(pool_, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), options);
    }
    template <class F, class A, class B, class C>
    auto apply(F&& f, A&& a, B&& b, C&& c, const CallOptions& options) {
        return detail::run_one<Workers>(pool_, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                                        std::forward<C>(c), options);
    }
    template <class F, class A, class B, class C, class D>
    auto apply(F&& f, A&& a, B&& b, C&& c, D&& d, const CallOptions& options) {
        return detail::run_one<Workers>(pool_, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                                        std::forward<C>(c), std::forward<D>(d), options);
    }
    template <class F, class... Arguments>
    auto apply(const CallOptions& options, F&& f, Arguments&&... arguments) {
        return detail::run_one<Workers>(pool_, std::forward<F>(f), std::forward<Arguments>(arguments)..., options);
    }

    // auto later = pool.map_async(square, numbers); …; later.get();
    // These do not wait. The items are moved or copied; what reading them throws is thrown at once. The callbacks run
    // in a thread of the pool, one after another; they must not throw.
    template <class F, class Items, class Callback = std::nullptr_t>
    auto map_async(F&& f, Items&& items, const CallOptions& options = {}, Callback callback = {},
                   std::function<void(std::exception_ptr)> error_callback = {}) {
        return detail::begin<Workers, item, detail::AllValues>(pool_, std::forward<F>(f), std::forward<Items>(items),
                                                               options, std::move(callback), std::move(error_callback));
    }
    // Of tuples.
    template <class F, class Items, class Callback = std::nullptr_t>
    auto starmap_async(F&& f, Items&& items, const CallOptions& options = {}, Callback callback = {},
                       std::function<void(std::exception_ptr)> error_callback = {}) {
        return detail::begin<Workers, tuple, detail::AllValues>(pool_, std::forward<F>(f), std::forward<Items>(items),
                                                                options, std::move(callback),
                                                                std::move(error_callback));
    }
    // auto later = pool.apply_async(add, std::tuple{1, 2});
    template <class F, class Tuple = std::tuple<>, class Callback = std::nullptr_t>
    auto apply_async(F&& f, Tuple arguments = {}, const CallOptions& options = {}, Callback callback = {},
                     std::function<void(std::exception_ptr)> error_callback = {}) {
        return detail::begin_one<Workers>(pool_, std::forward<F>(f), std::move(arguments), options, std::move(callback),
                                          std::move(error_callback));
    }

    // No further calls. Those that were made go on.
    void close() { pool_.engine().close(); }
    // Ends the workers now; what was not done fails with PoolClosed.
    void terminate() { pool_.engine().terminate(); }
    // After close() or terminate(): waits until everything is done and the workers have ended. imaps that are under way
    // read all of their input first, and keep their results.
    void join() { pool_.join(); }

  private:
    static constexpr detail::Spread item = detail::Spread::item;
    static constexpr detail::Spread tuple = detail::Spread::tuple;

    detail::PoolEngine pool_;
};

using Pool = BasicPool<detail::Processes>;
using ThreadPool = BasicPool<detail::Threads>;

template <>
Pool::BasicPool(PoolOptions options);
template <>
ThreadPool::BasicPool(PoolOptions options);

}  // namespace haid
