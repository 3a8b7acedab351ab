// A call of a pool as Python holds it: encodes inputs, waits, decodes results. All members want the GIL, and let it go
// while they wait. One thread at a time takes results, and reads inputs between them; or another one does that, in
// read(), so that an input that keeps its reader waiting keeps nothing else.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "bytes_call.hpp"
#include "values.hpp"

namespace haid::python {

// What becomes of the results.
enum class Order : std::uint8_t {
    whole,        // all of them in a list, once the last one is there
    inputs,       // one after another
    as_they_come  // likewise, whichever is there first
};

class Call {
  public:
    struct Input {
        nanobind::object iterator;
        bool tuples = false;  // each item is arguments
        // On their way at a time: read, and not yet taken by the caller. 0: the caller of feed_all() has all read.
        std::size_t bound = 0;
    };
    // Submits it. Raises what a pool that is closed raises.
    Call(std::shared_ptr<detail::Engine> engine, std::shared_ptr<BytesCall> call, detail::Engine::Driver driver,
         Order order, Input input);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    // How inputs are pickled, as Pickling::dumps has it; before the first is read.
    void pickle_inputs_by(nanobind::object dumps) { dumps_ = std::move(dumps); }
    // Reads all inputs that are left. One that cannot be pickled is an error of that item.
    void feed_all();
    // From now on another thread reads the inputs, as long as no more than the bound are on their way: by read(), which
    // returns when all are read, or nobody wants them.
    void let_another_read() { apart_ = true; }
    void read();
    void lift_bound();

    // Waits until all results are there; nullopt: for ever. False: the time has passed.
    bool wait(std::optional<double> seconds);
    // Of Order::whole, after wait(): the list. Raises the error of the first item that has failed.
    nanobind::object take_all();
    // Items whose results are there, or their errors.
    std::uint64_t resolved() const { return resolved_; }
    bool is_fed() const { return fed_all_; }
    // Nobody wants further results: no more inputs are read, and what has not begun will not.
    void give_up();
    // Ends what runs, too. next() has no more results.
    void stop();
    // Of what was read there were no results when next() raised StopIteration: it was given up.
    bool is_given_up() const { return finished_ && delivered_ < fed_; }
    // The pool has ended the input: there may have been more of it.
    bool is_cut_short() const { return cut_short_; }

    // The next result, or what it raises. Reads inputs meanwhile, as long as no more than the bound are on their way.
    // Raises StopIteration at the end, what the input raises before that, TimeoutError.
    nanobind::object next(std::optional<double> seconds);

  private:
    struct Outcome {
        nanobind::object value;  // or the exception
        bool failed = false;
        bool there = false;
    };
    using Until = std::optional<detail::Time>;
    using Parts = std::deque<std::pair<std::uint64_t, Part>>;

    void feed(std::size_t most);
    nanobind::object next_input();
    void add_to(Inputs& inputs, nanobind::handle item);
    void hand_over(std::unique_ptr<Inputs> inputs);
    bool hand_over_pending(bool wait);
    bool wait_for_room();
    void no_more_input();
    void encode(nanobind::handle item, Inputs& to);
    void decode(const BytesCall::Values& values);
    bool may_read() const { return !apart_ && !fed_all_ && fed_ - delivered_ < bound_; }
    bool has_next() const { return !outcomes_.empty() && outcomes_.front().there; }
    bool take_news(Until until, bool wants_input);
    void look_after_workers();
    void take(const BytesCall::News& news);
    void put(std::uint64_t item, nanobind::object value, bool failed);
    bool all_there() const { return finished_ && (error_ || resolved_ >= fed_); }
    nanobind::object pop();
    nanobind::object exception_of(std::uint64_t item, const std::exception_ptr& error);
    [[noreturn]] static void raise(nanobind::handle exception);

    std::shared_ptr<detail::Engine> engine_;
    std::shared_ptr<BytesCall> call_;
    Order order_;
    Input input_;
    nanobind::object dumps_;
    std::atomic<std::size_t> bound_;
    detail::Time next_look_{};
    std::uint64_t fed_ = 0;  // read
    std::uint64_t resolved_ = 0;
    std::atomic<std::uint64_t> delivered_ = 0;
    std::atomic<bool> fed_all_ = false;
    bool stopped_ = false;
    bool finished_ = false;
    bool cut_short_ = false;
    bool hungry_ = true;

    // Inputs that another thread has read and not handed over, which whoever takes results does where they are wanted.
    bool apart_ = false;
    std::unique_ptr<Inputs> pending_;
    std::atomic<std::size_t> pending_count_ = 0;
    bool encoding_ = false;    // the last of them is incomplete, while Python's code runs
    std::mutex handing_over_;  // one after another, in their order
    std::mutex room_mutex_;
    std::condition_variable room_;  // there is less on its way than the bound
    std::atomic<bool> wants_room_ = false;

    std::exception_ptr error_;                         // of the call
    Parts parts_;                                      // of items that are not handed out yet
    std::map<std::uint64_t, nanobind::object> local_;  // errors of items that never left
    nanobind::object input_error_;                     // raised by the iterator
    nanobind::object interrupt_;                       // Ctrl-C is for the program, at once
    std::deque<Outcome> outcomes_;                     // from item `delivered_` on; as they come: those there
};

// What an error of the engine is to Python.
nanobind::object python_exception(const std::exception_ptr& error);

}  // namespace haid::python
