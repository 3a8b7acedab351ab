// haid._haid: the engine for the Python code of the package.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <unistd.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "call.hpp"
#include "haid/detail/pool/call.hpp"
#include "haid/resources.hpp"
#include "lock.hpp"
#include "memory.hpp"
#include "values.hpp"
#include "worker.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;
using namespace nb::literals;

// For what only the process that made it may end. Elsewhere it is left as it is: what threads of the other process wait
// for cannot be destroyed in a copy of it, where they do not exist.
class InThisProcess {
  public:
    bool is_it() const { return ::getpid() == pid_; }

  private:
    pid_t pid_ = ::getpid();
};

// Ending an engine waits for threads that may want the GIL.
void end(detail::Engine* engine, InThisProcess made) {
    if (!Py_IsInitialized() || !made.is_it()) return;
    nb::gil_scoped_release without_gil;
    delete engine;
}

// A thread that waits in join() looks so often whether Python has a signal to handle (Ctrl-C).
constexpr std::chrono::milliseconds look_for_signals{50};

// Calls that have finished, for a thread that waits for any of them.
class Completions {
  public:
    void add(std::uint64_t call) {
        std::lock_guard lock(mutex_);
        calls_.push_back(call);
        changed_.notify_one();
    }
    std::vector<std::uint64_t> take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopped_ || !calls_.empty(); });
        return std::exchange(calls_, {});
    }
    void stop() {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        changed_.notify_one();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::uint64_t> calls_;
    bool stopped_ = false;
};

// The workers of a pool.
class Engine {
  public:
    Engine(int workers, nb::object start, nb::object leave, std::uint64_t tasks_per_worker) {
        detail::EngineOptions options;
        options.workers = workers;
        options.tasks_per_worker = tasks_per_worker;
        options.hooks = worker_hooks(std::move(start), std::move(leave));
        // Every worker ends this on its side: see worker_hooks.
        PyOS_BeforeFork();
        try {
            engine_ = {detail::Engine::of_processes(std::move(options)).release(),
                       [made = InThisProcess()](detail::Engine* engine) { end(engine, made); }};
        } catch (...) {
            PyOS_AfterFork_Parent();
            throw;
        }
        PyOS_AfterFork_Parent();
    }

    // A call of the function; see encode_function and Call.
    std::shared_ptr<Call> call(nb::bytes function, std::uint64_t number, int spread, int order, nb::object input,
                               std::size_t bound, double timeout, std::uint32_t retries, double backoff,
                               bool in_background, std::optional<std::uint64_t> completion) {
        auto nanoseconds = [](double seconds) {
            return std::chrono::ceil<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
        };
        detail::Limits limits;
        limits.timeout = nanoseconds(timeout);
        limits.retries = retries;
        limits.backoff = nanoseconds(backoff);
        auto how = static_cast<Spread>(spread);
        auto bytes = std::make_shared<BytesCall>(limits, &run_items, encode_function(number, how, std::move(function)));
        if (completion) {
            bytes->when_finished([completions = completions_, finished = *completion] { completions->add(finished); });
        }
        remember(bytes);
        auto made = std::make_shared<Call>(engine_, bytes, static_cast<Order>(order),
                                           Call::Input{std::move(input), how == Spread::tuple, bound});
        if (in_background) {
            nb::gil_scoped_release without_gil;
            auto lock = engine_->lock();
            engine_->in_background(lock, *bytes);
        }
        return made;
    }

    // The numbers of calls that have finished, as they do; waits for the first. Empty: stop_telling() was called.
    std::vector<std::uint64_t> completed() {
        nb::gil_scoped_release without_gil;
        return completions_->take();
    }
    void stop_telling() { completions_->stop(); }

    int workers() const { return engine_->workers(); }
    std::vector<int> worker_pids() {
        nb::gil_scoped_release without_gil;
        return engine_->worker_pids();
    }
    void close() {
        nb::gil_scoped_release without_gil;
        engine_->close();
    }
    // Sees to signals meanwhile.
    void join() {
        while (!all_finished_within(look_for_signals)) {
            if (PyErr_CheckSignals() != 0) throw nb::python_error();
        }
        nb::gil_scoped_release without_gil;
        engine_->join();
    }
    void terminate() {
        nb::gil_scoped_release without_gil;
        engine_->terminate();
    }

  private:
    void remember(const std::shared_ptr<BytesCall>& call) {
        if (calls_.size() == calls_.capacity()) std::erase_if(calls_, [](const auto& one) { return one.expired(); });
        calls_.push_back(call);
    }
    bool all_finished_within(std::chrono::milliseconds time) {
        nb::gil_scoped_release without_gil;
        auto lock = engine_->lock();
        auto finished = [](const std::weak_ptr<BytesCall>& one) {
            auto call = one.lock();
            return !call || call->is_finished();
        };
        return engine_->wait(
            lock, [&] { return std::all_of(calls_.begin(), calls_.end(), finished); }, detail::Clock::now() + time);
    }

    std::vector<std::weak_ptr<BytesCall>> calls_;
    std::shared_ptr<detail::Engine> engine_;
    std::shared_ptr<Completions> completions_{new Completions, [made = InThisProcess()](Completions* completions) {
                                                  if (made.is_it()) delete completions;
                                              }};
};

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

// What the C library has, which os.environ does not follow.
std::vector<std::string> environment() {
    std::vector<std::string> entries;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) entries.emplace_back(*entry);
    return entries;
}

void use_pickling(nb::object dumps, nb::object loads, nb::object describe, nb::object restore) {
    pickling() = {std::move(dumps), std::move(loads), std::move(describe), std::move(restore)};
}

}  // namespace
}  // namespace haid::python

NB_MODULE(_haid, module) {
    using namespace haid::python;
    // At the interpreter's end modules are not taken down in order.
    nb::set_leak_warnings(false);
    nb::register_exception_translator(translate);
    module.def("use_pickling", use_pickling);
    module.def("environment", environment);
    module.def("cpu_count", [] { return haid::cpu_count(); });
    define_memory(module);
    define_lock(module);
    nb::class_<Engine>(module, "Engine")
        .def(nb::init<int, nb::object, nb::object, std::uint64_t>(), "workers"_a, "start"_a, "leave"_a,
             "tasks_per_worker"_a)
        .def("call", &Engine::call, "function"_a, "number"_a, "spread"_a, "order"_a, "input"_a.none(), "bound"_a,
             "timeout"_a, "retries"_a, "backoff"_a, "in_background"_a, "completion"_a.none())
        .def("completed", &Engine::completed)
        .def("stop_telling", &Engine::stop_telling)
        .def("workers", &Engine::workers)
        .def("worker_pids", &Engine::worker_pids)
        .def("close", &Engine::close)
        .def("join", &Engine::join)
        .def("terminate", &Engine::terminate);
    nb::class_<Call>(module, "Call")
        .def("feed_all", &Call::feed_all)
        .def("resolved", &Call::resolved)
        .def("is_fed", &Call::is_fed)
        .def("give_up", &Call::give_up)
        .def("wait", &Call::wait, "seconds"_a.none())
        .def("take_all", &Call::take_all)
        .def("next", &Call::next, "seconds"_a.none() = nb::none());
}
