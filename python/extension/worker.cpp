#include "worker.hpp"

#include <cstring>
#include <optional>
#include <unordered_map>

#include "bytes_call.hpp"
#include "copied_generator.hpp"
#include "gil.hpp"
#include "haid/detail/pool/foreign_error.hpp"
#include "memory.hpp"
#include "objects.hpp"
#include "parts.hpp"
#include "pool/worker_program.hpp"
#include "result.hpp"
#include "values.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;

struct Function {
    nb::object callable;
    Spread spread;
};

// A program that makes new functions all the time does not fill the memory of its workers.
constexpr std::size_t most_functions_kept = 1000;

std::unordered_map<std::uint64_t, nb::object>& functions_kept() {
    static auto& only = *new std::unordered_map<std::uint64_t, nb::object>;
    return only;
}

nb::object no_parts(std::size_t) {
    throw DecodeError("haid: a function has no parts");
}

Function function_of(std::span<const std::byte> common) {
    Decoder from(common);
    std::uint64_t number = 0;
    Spread spread{};
    from.read(&number, sizeof number);
    from.read(&spread, sizeof spread);
    auto& kept = functions_kept();
    if (auto known = kept.find(number); number != 0 && known != kept.end()) return {known->second, spread};
    nb::object callable = decode_value(from, no_parts);
    if (number != 0) {
        if (kept.size() >= most_functions_kept) kept.clear();
        kept.emplace(number, callable);
    }
    return {callable, spread};
}

nb::object call(const Function& function, nb::handle item) {
    PyObject* f = function.callable.ptr();
    switch (function.spread) {
        case Spread::item:
            return checked(PyObject_CallOneArg(f, item.ptr()));
        case Spread::tuple:
            return checked(PyObject_Call(f, item.ptr(), nullptr));
        case Spread::call:
            break;
    }
    PyObject* keywords = PyTuple_GET_ITEM(item.ptr(), 1);
    return checked(PyObject_Call(f, PyTuple_GET_ITEM(item.ptr(), 0), keywords == Py_None ? nullptr : keywords));
}

// The exception that was caught, for the parent.
std::exception_ptr foreign_error(nb::handle exception) {
    nb::object described = checked(PyObject_CallOneArg(pickling().describe.ptr(), exception.ptr()));
    const auto* data = reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(described.ptr()));
    return std::make_exception_ptr(
        detail::ForeignError({data, data + static_cast<std::size_t>(PyBytes_GET_SIZE(described.ptr()))}));
}

}  // namespace

std::exception_ptr error_of(const nb::python_error& error) noexcept {
    try {
        return foreign_error(error.value());
    } catch (...) {
        return std::make_exception_ptr(Error("an exception that could not be described"));
    }
}

namespace {

// Where an item's large parts are while it runs.
class Parts {
  public:
    Parts(const detail::Task& task, std::span<const std::byte> area) : task_(task), area_(area) {}
    // The input's memory will be used for something else: what the function keeps of it becomes its own.
    ~Parts() {
        for (nb::object& part : parts_) {
            if (Py_REFCNT(part.ptr()) > 1) keep(nb::cast<Memory&>(part));
        }
    }
    nb::object next(std::size_t size) { return parts_.emplace_back(part_of(task_, next_part(area_, size))); }

  private:
    const detail::Task& task_;
    std::span<const std::byte> area_;
    std::vector<nb::object> parts_;
};

// What encode_value makes of a result; its memory is used again.
struct Encoded {
    BufferEncoder header;
    std::vector<Part> parts;
};

void run_item(detail::Task& task, const Function& function, const ItemTable& items, Encoded& encoded) {
    ItemTable::Item input = items.item(task.item());
    if (is_nothing(input.bytes)) return task.failed(std::make_exception_ptr(detail::ForeignError({})));
    Parts parts(task, input.area);
    Decoder from(input.bytes);
    nb::object item = decode_value(from, [&](std::size_t size) { return parts.next(size); });
    nb::object result = call(function, item);
    encoded.header.clear();
    encoded.parts.clear();
    try {
        encode_value(result, pickling().dumps, encoded.header, encoded.parts);
    } catch (nb::python_error& error) {
        nb::object reason = nb::borrow(error.value());
        return task.failed(foreign_error(nb::make_tuple(reason, result)));
    }
    task.write_value(Result{encoded.header.bytes(), encoded.parts});
    encoded.parts.clear();
}

// As an error, where warnings are to be errors, it is the item's.
void warn_of_copies(const Function& function) {
    nb::module_::import_("haid._copies").attr("warn")(function.callable);
}

// What all items need. An error is that of each of them.
std::exception_ptr read_task(const detail::Task& task, std::optional<Function>& function,
                             std::optional<ItemTable>& items) {
    try {
        items.emplace(task.input());
        function = function_of(task.common());
        return nullptr;
    } catch (const nb::python_error& error) {
        return error_of(error);
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace

void run_items(detail::Task& task) {
    std::optional<Function> function;
    std::optional<ItemTable> items;
    std::exception_ptr broken;
    Encoded encoded;
    while (task.claim()) {
        while (task.next()) {
            try {
                // Not earlier: what ends the worker here is the error of an item, too.
                if (!function && !broken) broken = read_task(task, function, items);
                if (broken) {
                    task.failed(broken);
                } else {
                    run_item(task, *function, *items, encoded);
                    if (copied_generator_was_used()) warn_of_copies(*function);
                }
            } catch (const nb::python_error& error) {
                task.failed(error_of(error));
            } catch (...) {
                task.failed(std::current_exception());
            }
        }
    }
}

std::vector<std::byte> encode_function(std::uint64_t number, Spread spread, const nb::bytes& function) {
    BufferEncoder to;
    to.write(&number, sizeof number);
    to.write(&spread, sizeof spread);
    encode_pickle(function, to);
    return {to.bytes().begin(), to.bytes().end()};
}

namespace {

class Hooks final : public detail::WorkerHooks {
  public:
    Hooks(nb::object start, nb::object leave, nb::object live, bool has_initializer, bool forked)
        : start_(start.release().ptr()),
          leave_(leave.release().ptr()),
          live_(live.release().ptr()),
          has_initializer_(has_initializer),
          forked_(forked) {}
    // References are given back only where the interpreter is still there.
    ~Hooks() override {
        if (!Py_IsInitialized()) return;
        WithGil gil;
        Py_DECREF(start_);
        Py_DECREF(leave_);
        Py_DECREF(live_);
    }

    void live(std::size_t worker, const std::function<void()>& work) override {
        if (live_ == Py_None) return WorkerHooks::live(worker, work);
        enter();
        bool has_run = false;
        std::exception_ptr failed;
        nb::object tasks = nb::cpp_function([&] {
            has_run = true;
            try {
                work();
            } catch (...) {  // what is around it is to see an end, and nothing else
                failed = std::current_exception();
            }
        });
        try {
            checked(PyObject_CallFunction(live_, "nO", static_cast<Py_ssize_t>(worker), tasks.ptr()));
        } catch (nb::python_error& error) {
            if (!has_run) std::rethrow_exception(error_of(error));
            error.restore();
            PyErr_Print();
        }
        flush();
        if (failed) std::rethrow_exception(failed);
    }
    void start(std::size_t worker) override {
        enter();
        try {
            checked(PyObject_CallFunction(start_, "n", static_cast<Py_ssize_t>(worker)));
            if (forked_) look_at_generator_from_now_on();
        } catch (const nb::python_error& error) {
            std::rethrow_exception(error_of(error));
        }
    }
    bool starts_for_a_purpose() const override { return has_initializer_; }
    void flush() override {
        flush(PySys_GetObject("stdout"));
        flush(PySys_GetObject("stderr"));
    }
    void before_wait() override { state_ = PyEval_SaveThread(); }
    void after_wait() override { PyEval_RestoreThread(state_); }
    void leave() override {
        PyObject* result = PyObject_CallNoArgs(leave_);
        if (result == nullptr) PyErr_Print();
        Py_XDECREF(result);
        flush();
    }

  private:
    void enter() const {
        if (forked_) PyOS_AfterFork_Child();
        functions_kept().clear();  // a pool within a task: those are of the pool outside
    }
    static void flush(PyObject* stream) {
        if (stream == nullptr || stream == Py_None) return;
        PyObject* result = PyObject_CallMethod(stream, "flush", nullptr);
        // The task has done its work; that its output is lost is told where it can be.
        if (result == nullptr && !is_closed(stream)) PyErr_WriteUnraisable(stream);
        PyErr_Clear();
        Py_XDECREF(result);
    }
    // Leaves the error that is set as it is.
    static bool is_closed(PyObject* stream) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        PyObject* closed = PyObject_GetAttrString(stream, "closed");
        const bool is = closed != nullptr && PyObject_IsTrue(closed) == 1;
        Py_XDECREF(closed);
        PyErr_Restore(type, value, traceback);
        return is;
    }

    PyObject* start_;
    PyObject* leave_;
    PyObject* live_;
    bool has_initializer_;
    bool forked_;
    PyThreadState* state_ = nullptr;
};

}  // namespace

std::shared_ptr<detail::WorkerHooks> worker_hooks(nb::object start, nb::object leave, nb::object live,
                                                  bool has_initializer) {
    return std::make_shared<Hooks>(std::move(start), std::move(leave), std::move(live), has_initializer, true);
}

int work_at(const std::string& place, nb::object start, nb::object leave, nb::object live) {
    return pool::work_at(place,
                         std::make_shared<Hooks>(std::move(start), std::move(leave), std::move(live), false, false));
}

}  // namespace haid::python
