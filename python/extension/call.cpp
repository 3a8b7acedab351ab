#include "call.hpp"

#include <algorithm>
#include <utility>

#include "gil.hpp"
#include "haid/detail/pool/foreign_error.hpp"
#include "memory.hpp"
#include "objects.hpp"
#include "parts.hpp"
#include "result.hpp"
#include "values.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;

// Workers have work for a millisecond.
constexpr std::chrono::microseconds look_after_workers_every{200};
constexpr std::size_t largest_batch = 1024;
constexpr std::size_t first_batch = 64;
// An input that took so long to come may be followed by one that takes longer; handing one over alone costs some 2 µs.
constexpr std::chrono::microseconds pause{20};
// Whoever waits for results hands over what another thread has read, where that does not come to do it.
constexpr std::chrono::milliseconds look_for_pending{10};
// Inputs that take longer to read are handed over before the next one is read.
constexpr std::chrono::microseconds longest_reading{200};
// An engine that is not given any time does not look.
constexpr std::chrono::microseconds look_briefly{20};
constexpr std::size_t most_bytes_of_a_batch = 256 * 1024;

nb::object exception_raised() {
    nb::python_error error;  // takes what is set
    return nb::borrow(error.value());
}

bool is_aligned(const std::byte* address) {
    return reinterpret_cast<std::uintptr_t>(address) % alignof(std::max_align_t) == 0;
}

nb::object errors() {
    return nb::module_::import_("haid.errors");
}

}  // namespace

nb::object python_exception(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const detail::ForeignError& thrown) {
        nb::bytes described(thrown.bytes().data(), thrown.bytes().size());
        return checked(in_python([&] { return PyObject_CallOneArg(pickling().restore.ptr(), described.ptr()); }));
    } catch (const WorkerLost& thrown) {
        return errors().attr("WorkerLost")(thrown.what(), thrown.exit_code());
    } catch (const TimeoutError& thrown) {
        return errors().attr("TimeoutError")(thrown.what());
    } catch (const OwnerDied& thrown) {
        return errors().attr("OwnerDied")(thrown.what());
    } catch (const PoolClosed&) {
        return errors().attr("PoolClosed")();
    } catch (const std::bad_alloc&) {
        return nb::borrow(PyExc_MemoryError)();
    } catch (const std::exception& thrown) {
        return errors().attr("PoolError")(thrown.what());
    }
}

Call::Call(std::shared_ptr<detail::Engine> engine, std::shared_ptr<BytesCall> call, detail::Engine::Driver driver,
           Order order, Input input)
    : engine_(std::move(engine)),
      call_(std::move(call)),
      order_(order),
      input_(std::move(input)),
      bound_(input_.bound) {
    empty_graveyard();
    WithoutGil without_gil;
    auto lock = engine_->lock();
    engine_->submit(lock, call_, driver);
}

// The inputs that are not handed out yet are read from where they are.
Call::~Call() {
    empty_graveyard();
    if (parts_.empty()) return;
    // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): without them inputs would be read that are gone
    std::shared_ptr<Parts> kept(new Parts(std::move(parts_)), [](Parts* parts) {
        for (auto& [item, part] : *parts) bury(std::move(part.owner));
        delete parts;
    });
    WithoutGil without_gil;
    try {
        auto lock = engine_->lock();
        if (!call_->is_finished()) call_->keep(std::move(kept));
    } catch (const Error&) {
        // In a child of the engine's process nobody reads them.
    }
}

// -- inputs

void Call::feed_all() {
    while (!fed_all_) feed(SIZE_MAX);
}

void Call::feed(std::size_t most) {
    bool slow = false;
    // Whoever takes results as they come looks for them between slow inputs.
    while (!fed_all_ && most > 0 && (!slow || order_ == Order::whole)) {
        if (call_->is_ended()) {
            fed_all_ = cut_short_ = true;
            break;
        }
        const detail::Time begun = detail::Clock::now();
        slow = false;
        auto inputs = std::make_unique<Inputs>();
        std::size_t batch = std::min(most, largest_batch);
        // Workers begin with the first items while the others are read.
        if (fed_ == 0) batch = std::min(batch, first_batch);
        while (inputs->count() < batch && inputs->size() < most_bytes_of_a_batch && !slow && !interrupt_.is_valid()) {
            nb::object item = next_input();
            if (!item.is_valid()) {
                fed_all_ = true;
                break;
            }
            add_to(*inputs, item);
            slow = detail::Clock::now() - begun > longest_reading;
        }
        most -= inputs->count();
        hand_over(std::move(inputs));
        if (interrupt_.is_valid()) raise(std::exchange(interrupt_, {}));
    }
}

// None: that was the last, or reading the next one has failed.
nb::object Call::next_input() {
    PyObject* next = in_python([&] { return PyIter_Next(input_.iterator.ptr()); });
    nb::object item = nb::steal(next);
    if (next != nullptr && input_.tuples) {
        item = nb::steal(in_python([&] { return PySequence_Tuple(item.ptr()); }));
    }
    if (!item.is_valid() && PyErr_Occurred()) {
        const bool interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0;
        (interrupted ? interrupt_ : input_error_) = exception_raised();
    }
    return item;
}

void Call::add_to(Inputs& inputs, nb::handle item) {
    try {
        encode(item, inputs);
    } catch (nb::python_error& error) {
        local_[fed_] = nb::borrow(error.value());
        if (error.matches(PyExc_KeyboardInterrupt)) interrupt_ = local_[fed_];
        encode_nothing(inputs.bytes());
    }
    inputs.end_of_item();
    ++fed_;
}

void Call::hand_over(std::unique_ptr<Inputs> inputs) {
    WithoutGil without_gil;
    auto lock = engine_->lock();
    call_->add(std::move(inputs));
    if (fed_all_) call_->end_of_input();
    engine_->refill(lock, *call_);
    hungry_ = call_->hungry();
}

// -- inputs that another thread reads

void Call::read() {
    detail::Time begun{};
    detail::Time handed_over{};
    while (!fed_all_) {
        if (!wait_for_room()) break;
        const detail::Time before = detail::Clock::now();
        nb::object item = next_input();
        const bool paused = detail::Clock::now() - before > pause;
        if (interrupt_.is_valid()) input_error_ = std::exchange(interrupt_, {});
        if (!item.is_valid() || fed_all_) break;
        if (!pending_) {
            pending_ = std::make_unique<Inputs>();
            begun = before;
        }
        encoding_ = true;
        add_to(*pending_, item);
        encoding_ = false;
        pending_count_ = pending_->count();
        // Where workers wait, what comes after a pause goes at once: nobody knows how long the next one takes.
        const detail::Time now = detail::Clock::now();
        if ((call_->hungry() && (paused || now - handed_over > longest_reading)) ||
            pending_->count() >= largest_batch || pending_->size() >= most_bytes_of_a_batch ||
            now - begun > longest_reading) {
            hand_over_pending(true);
            handed_over = detail::Clock::now();
        }
    }
    no_more_input();
}

// What was read last, and the end.
void Call::no_more_input() {
    hand_over_pending(true);
    fed_all_ = true;
    hand_over(std::make_unique<Inputs>());
}

// `wait`: until another thread has done with what it hands over. False: nothing could be handed over now.
bool Call::hand_over_pending(bool wait) {
    if (!handing_over_.try_lock()) {
        if (!wait) return false;
        WithoutGil without_gil;
        handing_over_.lock();
    }
    const std::lock_guard mine(handing_over_, std::adopt_lock);
    if (encoding_ || !pending_ || pending_->count() == 0) return false;
    pending_count_ = 0;
    hand_over(std::move(pending_));
    return true;
}

// False: nobody wants any more inputs.
bool Call::wait_for_room() {
    auto has_room = [&] { return fed_ - delivered_ < bound_ || fed_all_ || call_->is_finished(); };
    if (!has_room() || !call_->has_little()) {
        hand_over_pending(true);
        WithoutGil without_gil;
        std::unique_lock room(room_mutex_);
        wants_room_ = true;
        while (!has_room()) room_.wait_for(room, look_for_signals);
        wants_room_ = false;
        room.unlock();
        auto lock = engine_->lock();
        auto little = [&] { return call_->has_little() || fed_all_ || call_->is_finished(); };
        try {
            while (!engine_->wait(lock, little, detail::Clock::now() + look_for_signals)) continue;
        } catch (const Error&) {
            return false;  // the engine works no more: whoever waits for results is told
        }
    }
    return !fed_all_ && !call_->is_finished();
}

void Call::lift_bound() {
    bound_ = SIZE_MAX;
    room_.notify_all();
}

void Call::encode(nb::handle item, Inputs& to) {
    std::vector<Part> apart;
    const nb::handle dumps = dumps_.is_valid() ? dumps_ : pickling().dumps;
    encode_value(item, dumps, to.bytes(), apart);
    for (Part& part : apart) {
        to.add_part(part.bytes);
        parts_.emplace_back(fed_, std::move(part));
    }
}

// -- results

// One round of waiting. False: the time has passed.
bool Call::take_news(Until until, bool wants_input) {
    BytesCall::News news;
    bool in_time = true;
    {
        WithoutGil without_gil;
        auto lock = engine_->lock();
        auto slice = detail::Clock::now() + (apart_ && !fed_all_ && !wants_room_ ? look_for_pending : look_for_signals);
        in_time = engine_->wait(
            lock,
            [&] {
                return call_->has_news() || call_->is_finished() ||
                       (call_->hungry() && (wants_input || pending_count_ > 0));
            },
            until ? std::min(*until, slice) : slice);
        news = call_->take_news();
        hungry_ = call_->hungry();
        finished_ = call_->is_finished();
        if (finished_) error_ = call_->error();
    }
    if (!in_time) in_time = !until || detail::Clock::now() < *until;
    take(news);
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    return in_time;
}

void Call::take(const BytesCall::News& news) {
    while (!parts_.empty() && parts_.front().first < news.handed_out) {
        const Part gone = std::move(parts_.front().second);  // its end may let another thread add to them
        parts_.pop_front();
    }
    for (const BytesCall::Values& values : news.values) decode(values);
    for (const BytesCall::Failure& failure : news.failures) {
        put(failure.item, exception_of(failure.item, failure.error), true);
    }
}

void Call::decode(const BytesCall::Values& values) {
    Decoder from(*values.bytes);
    for (std::uint32_t i = 0; i < values.count; ++i) {
        std::uint32_t size = 0;
        from.read(&size, sizeof size);
        ResultReader one(from.take(size == detail::Task::to_end_of_frame ? from.remaining() : size));
        auto part = [&](std::size_t bytes) {
            std::span<const std::byte> here = next_part(one.area, bytes);
            // Memory that is mostly this part becomes its own.
            const bool own = bytes > values.bytes->size() / 2 && is_aligned(here.data());
            return own ? nb::cast(Memory{{values.bytes, const_cast<std::byte*>(here.data())}, bytes})
                       : copy_of(here.data(), bytes);
        };
        try {
            put(values.first + i, decode_value(one.header, part), false);
        } catch (nb::python_error& error) {
            put(values.first + i, nb::borrow(error.value()), true);
        }
    }
}

nb::object Call::exception_of(std::uint64_t item, const std::exception_ptr& error) {
    if (auto local = local_.find(item); local != local_.end()) {
        nb::object exception = local->second;
        local_.erase(local);
        return exception;
    }
    return python_exception(error);
}

void Call::put(std::uint64_t item, nb::object value, bool failed) {
    ++resolved_;
    if (order_ == Order::as_they_come) {
        outcomes_.push_back({std::move(value), failed, true});
        return;
    }
    const std::size_t at = item - delivered_;
    if (at >= outcomes_.size()) outcomes_.resize(at + 1);
    outcomes_[at] = {std::move(value), failed, true};
}

bool Call::wait(std::optional<double> seconds) {
    Until until = after(seconds);
    while (!all_there()) {
        if (!take_news(until, false) && !all_there()) return false;
    }
    return true;
}

nb::object Call::take_all() {
    if (input_error_.is_valid()) raise(input_error_);
    for (Outcome& outcome : outcomes_) {
        if (outcome.failed) raise(outcome.value);
    }
    if (error_) raise(python_exception(error_));
    nb::object list = checked(PyList_New(static_cast<Py_ssize_t>(outcomes_.size())));
    Py_ssize_t at = 0;
    for (Outcome& outcome : outcomes_) PyList_SET_ITEM(list.ptr(), at++, outcome.value.release().ptr());
    outcomes_.clear();
    return list;
}

nb::object Call::next(std::optional<double> seconds) {
    if (stopped_) throw nb::stop_iteration();
    if (has_next()) {
        if (delivered_ % 16 == 0) look_after_workers();
        return pop();
    }
    Until until = after(seconds);
    for (;;) {
        if (has_next()) return pop();
        if (finished_) {
            cut_short_ = cut_short_ || !fed_all_;
            if (error_ && (delivered_ < fed_ || cut_short_)) raise(python_exception(error_));
            if (input_error_.is_valid()) raise(std::exchange(input_error_, {}));
            throw nb::stop_iteration();
        }
        if (apart_ && call_->hungry() && hand_over_pending(false)) {
            take_news(detail::Clock::now() + look_briefly, false);
        } else if (may_read() && hungry_) {
            feed(bound_ - (fed_ - delivered_));
            take_news(detail::Clock::now() + look_briefly, false);
        } else if (!take_news(until, may_read()) && !has_next()) {
            raise(errors().attr("TimeoutError")("there is no further result yet"));
        }
        next_look_ = detail::Clock::now() + look_after_workers_every;
    }
}

// A caller that has many results to take does not leave the workers without work.
void Call::look_after_workers() {
    if (detail::Clock::now() < next_look_) return;
    take_news(detail::Clock::now() + look_briefly, false);
    if (apart_ && call_->hungry()) hand_over_pending(false);
    if (may_read() && hungry_) feed(std::min(bound_ - (fed_ - delivered_), largest_batch));
    next_look_ = detail::Clock::now() + look_after_workers_every;
}

nb::object Call::pop() {
    Outcome outcome = std::move(outcomes_.front());
    outcomes_.pop_front();
    ++delivered_;
    if (wants_room_ && fed_ - delivered_ <= bound_ - bound_ / 4 - 1) {
        const std::lock_guard room(room_mutex_);
        room_.notify_one();
    }
    if (outcome.failed) raise(outcome.value);
    return std::move(outcome.value);
}

void Call::give_up() {
    fed_all_ = true;
    WithoutGil without_gil;
    auto lock = engine_->lock();
    engine_->cancel(lock, *call_);
}

void Call::stop() {
    fed_all_ = stopped_ = true;
    WithoutGil without_gil;
    auto lock = engine_->lock();
    engine_->stop(lock, *call_);
}

void Call::raise(nb::handle exception) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    throw nb::python_error();
}

}  // namespace haid::python
