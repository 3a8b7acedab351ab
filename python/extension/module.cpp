// haid._haid: the engine for the Python code of the package.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <string>

#include "call.hpp"
#include "claims.hpp"
#include "copied_generator.hpp"
#include "engine.hpp"
#include "haid/detail/pool/current_item.hpp"
#include "haid/detail/pool/foreign_error.hpp"
#include "haid/random.hpp"
#include "haid/resources.hpp"
#include "lock.hpp"
#include "memory.hpp"
#include "objects.hpp"
#include "system/cpu_budget.hpp"
#include "values.hpp"
#include "worker.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;
using namespace nb::literals;

void translate(const std::exception_ptr& error, void*) {
    try {
        std::rethrow_exception(error);
    } catch (const Error&) {
        nb::object exception = python_exception(error);
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    } catch (const std::system_error& thrown) {
        nb::object exception = nb::borrow(PyExc_OSError)(thrown.code().value(), thrown.what());
        PyErr_SetObject(PyExc_OSError, exception.ptr());
    }
}

// The variables that a worker's share of the CPUs will be put into: the C library's, which os.environ does not follow.
nb::list budget_names() {
    nb::list names;
    for (const std::string& entry : system::cpu_budget(0)) names.append(nb::bytes(entry.data(), entry.find('=')));
    return names;
}

// The number that all of them have.
nb::bytes budget() {
    const char* value = std::getenv("HAID_CPUS");
    return nb::bytes(value != nullptr ? value : "");
}

void use_pickling(nb::object dumps, nb::object loads, nb::object describe, nb::object restore) {
    pickling() = {std::move(dumps), std::move(loads), std::move(describe), std::move(restore)};
}

// What the function returns, which is called as item `index` of a call.
nb::object as_item(std::uint64_t index, nb::handle function, const nb::tuple& arguments, nb::handle keywords) {
    haid::detail::CurrentItem current;
    current.is(index);
    return checked(PyObject_Call(function.ptr(), arguments.ptr(), keywords.is_none() ? nullptr : keywords.ptr()));
}

}  // namespace
}  // namespace haid::python

NB_MODULE(_haid, module) {
    using namespace haid::python;
    // At the interpreter's end modules are not taken down in order.
    nb::set_leak_warnings(false);
    nb::register_exception_translator(translate);
    nb::enum_<Spread>(module, "Spread")
        .value("ITEM", Spread::item)
        .value("TUPLE", Spread::tuple)
        .value("CALL", Spread::call);
    nb::enum_<Order>(module, "Order")
        .value("WHOLE", Order::whole)
        .value("INPUTS", Order::inputs)
        .value("AS_THEY_COME", Order::as_they_come);
    module.attr("VERSION") = HAID_VERSION;
    module.attr("LARGEST_ERROR") = haid::detail::ForeignError::most;
    module.def("use_pickling", use_pickling);
    module.def("budget_names", budget_names);
    module.def("budget", budget);
    module.def("work_at", work_at, "place"_a, "start"_a, "leave"_a, "live"_a.none());
    module.def("check_pool", check_pool, "options"_a);
    module.def("spans_nodes", spans_nodes, "nodes"_a);
    module.def("serve", serve, "make"_a);
    module.def("watch_generator", watch_generator, "generator"_a.none());
    module.def("cpu_count", [] { return haid::cpu_count(); });
    module.def("item_index", [] { return haid::item_index(); });
    module.def("as_item", as_item, "index"_a, "function"_a, "arguments"_a, "keywords"_a = nb::none());
    define_memory(module);
    define_claims(module);
    define_lock(module);
    nb::class_<Engine>(module, "Engine")
        .def(nb::init<nb::dict, nb::object, nb::object, nb::object, bool, std::optional<std::vector<std::string>>,
                      std::vector<int>>(),
             "options"_a, "start"_a, "leave"_a, "live"_a.none(), "has_initializer"_a, "program"_a.none(),
             "descriptors"_a)
        .def(nb::init<std::vector<std::string>, nb::bytes, std::string>(), "command"_a, "description"_a, "nodes"_a)
        .def("call", &Engine::call, "function"_a, "number"_a, "spread"_a, "order"_a, "input"_a.none(), "bound"_a,
             "timeout"_a, "retries"_a, "backoff"_a, "in_background"_a, "completion"_a.none(), "first_index"_a)
        .def("completed", &Engine::completed)
        .def("stop_telling", &Engine::stop_telling)
        .def("workers", &Engine::workers)
        .def("is_idle", &Engine::is_idle)
        .def("worker_pids", &Engine::worker_pids)
        .def("close", &Engine::close)
        .def("end_inputs", &Engine::end_inputs)
        .def("give_up_lazy_calls", &Engine::give_up_lazy_calls)
        .def("join", &Engine::join)
        .def("terminate", &Engine::terminate);
    nb::class_<Call>(module, "Call")
        .def("pickle_inputs_by", &Call::pickle_inputs_by, "dumps"_a)
        .def("feed_all", &Call::feed_all)
        .def("let_another_read", &Call::let_another_read)
        .def("read", &Call::read)
        .def("lift_bound", &Call::lift_bound)
        .def("resolved", &Call::resolved)
        .def("is_fed", &Call::is_fed)
        .def("is_given_up", &Call::is_given_up)
        .def("is_cut_short", &Call::is_cut_short)
        .def("give_up", &Call::give_up)
        .def("stop", &Call::stop)
        .def("wait", &Call::wait, "seconds"_a.none())
        .def("take_all", &Call::take_all)
        .def("next", &Call::next, "seconds"_a.none() = nb::none());
}
