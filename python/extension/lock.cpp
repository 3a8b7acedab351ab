#include "lock.hpp"

#include <fmt/format.h>
#include <nanobind/stl/optional.h>

#include <chrono>
#include <string>

#include "gil.hpp"
#include "haid/detail/sync/deadline.hpp"
#include "haid/error.hpp"
#include "objects.hpp"
#include "process_identity.hpp"

namespace haid::python {

namespace nb = nanobind;

bool ProcessLock::try_take(std::uint32_t sleepers) {
    std::uint32_t nobody = 0;
    if (!shared().holder.compare_exchange_strong(nobody, self().pid | sleepers)) return false;
    shared().holder_started.store(self().start, std::memory_order_release);
    thread_ = PyThread_get_thread_ident();
    count_ = 1;
    return true;
}

bool ProcessLock::is_mine() const {
    return count_ > 0 && thread_ == PyThread_get_thread_ident();
}

bool ProcessLock::acquire(bool block, std::optional<double> seconds) {
    if (recursive_ && is_mine()) {
        ++count_;
        return true;
    }
    if (try_take(0)) return true;
    if (block && (!seconds || *seconds > 0)) return wait(seconds);
    look_after_holder();
    return try_take(0);
}

bool ProcessLock::wait(std::optional<double> seconds) {
    using Clock = std::chrono::steady_clock;
    const auto until = after(seconds);
    for (;;) {
        std::uint32_t word = shared().holder.load();
        if (word == 0) {
            // Others may sleep: whoever was woken does not know.
            if (try_take(somebody_sleeps)) return true;
            continue;
        }
        if ((word & somebody_sleeps) == 0 && !shared().holder.compare_exchange_weak(word, word | somebody_sleeps))
            continue;
        const auto now = Clock::now();
        if (until && *until <= now) return false;
        // A waiter looks after the holder, too.
        auto look_again = now + look_for_signals;
        bool changed = false;
        {
            WithoutGil without_gil;
            changed = system::sleep_while(shared().holder, word | somebody_sleeps,
                                          detail::Deadline::at(until ? std::min(*until, look_again) : look_again));
        }
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (!changed) look_after_holder();
    }
}

void ProcessLock::look_after_holder() {
    std::uint32_t word = shared().holder.load();
    const std::uint32_t holder = word & ~somebody_sleeps;
    const std::uint64_t told = shared().holder_started.load();
    if (holder == 0) return;
    const std::optional<std::uint64_t> started = start_of_process(holder);
    // 0 from before a release until the next holder has told.
    const bool another = started && told != 0 && *started != told && shared().holder.load() == word;
    if (started && !another) return;
    shared().holder_started.store(0, std::memory_order_release);
    if (!shared().holder.compare_exchange_strong(word, 0)) return;
    system::wake(shared().holder, 1);
    throw OwnerDied(
        fmt::format("process {} ended while it held this lock: what the lock protects may be half changed. "
                    "The lock is free again",
                    holder));
}

void ProcessLock::release() {
    if (recursive_) {
        if (!is_mine()) {
            PyErr_SetString(PyExc_AssertionError, "attempt to release recursive lock not owned by thread");
            throw nb::python_error();
        }
        if (count_ > 1) {
            --count_;
            return;
        }
    }
    count_ = 0;
    shared().holder_started.store(0, std::memory_order_release);
    const std::uint32_t word = shared().holder.exchange(0);
    if (word == 0) {
        PyErr_SetString(PyExc_ValueError, "semaphore or lock released too many times");
        throw nb::python_error();
    }
    // Who is killed right here wakes nobody; sleepers look by themselves after a while.
    if ((word & somebody_sleeps) != 0) system::wake(shared().holder, 1);
}

void define_lock(nb::module_& module) {
    nb::class_<ProcessLock>(module, "ProcessLock")
        .def(nb::init<bool>(), nb::arg("recursive"))
        .def("acquire", &ProcessLock::acquire, nb::arg("block") = true, nb::arg("timeout").none() = nb::none())
        .def("release", &ProcessLock::release)
        .def("_count", &ProcessLock::count)
        .def("_is_mine", &ProcessLock::is_mine)
        .def("_get_value", &ProcessLock::value)
        .def("_is_zero", [](const ProcessLock& lock) { return lock.value() == 0; })
        .def("_after_fork", &ProcessLock::after_fork)
        .def_prop_ro("kind", [](const ProcessLock& lock) { return lock.recursive() ? 0 : 1; })
        .def_prop_ro("maxvalue", [](const ProcessLock&) { return 1; })
        .def_prop_ro("name", [](const ProcessLock&) { return nb::none(); })
        .def_prop_ro("handle", [](const ProcessLock& lock) { return reinterpret_cast<std::uintptr_t>(&lock); })
        .def("__enter__", [](ProcessLock& lock) { return lock.acquire(true, std::nullopt); })
        .def("__exit__", [](ProcessLock& lock, const nb::args&) { lock.release(); });
}

}  // namespace haid::python
