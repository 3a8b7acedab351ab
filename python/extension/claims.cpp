#include "claims.hpp"

#include <nanobind/stl/optional.h>

#include <algorithm>
#include <chrono>

#include "gil.hpp"
#include "haid/detail/sync/deadline.hpp"
#include "objects.hpp"
#include "process_identity.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;

constexpr std::uint64_t most_of_one = (std::uint64_t{1} << 24) - 1;

constexpr std::uint64_t owner_of(std::uint64_t entry) {
    return entry & ~most_of_one;
}

constexpr std::uint64_t count_of(std::uint64_t entry) {
    return entry & most_of_one;
}

// 22 bits for its number, which are all of Linux's, and 18 for when it was started: three quarters of an hour in ticks.
constexpr std::uint64_t name_of(const ProcessIdentity& process) {
    return std::uint64_t{process.pid & 0x3f'ffffU} << 42 | (process.start & 0x3'ffffU) << 24;
}

bool has_ended(std::uint64_t owner) {
    const auto pid = static_cast<std::uint32_t>(owner >> 42);
    const std::optional<std::uint64_t> start = start_of_process(pid);
    return !start || name_of({pid, *start}) != owner;
}

}  // namespace

Claims::Entry* Claims::new_place(std::uint64_t me) {
    for (Entry* entry = table(); entry != table() + entries; ++entry) {
        std::uint64_t nobody = 0;
        if (entry->compare_exchange_strong(nobody, me)) return entry;
    }
    // Those who have ended with nothing make room.
    for (Entry* entry = table(); entry != table() + entries; ++entry) {
        std::uint64_t now = *entry;
        if (count_of(now) == 0 && has_ended(owner_of(now)) && entry->compare_exchange_strong(now, me)) return entry;
    }
    return nullptr;
}

Claims::Entry* Claims::mine() {
    const std::uint64_t me = name_of(self());
    if (owner_ != me) {
        mine_ = new_place(me);
        owner_ = me;
    }
    return mine_;
}

void Claims::count(Entry* entry) {
    if (entry != nullptr && count_of(*entry) < most_of_one) ++*entry;
}

bool Claims::full() const {
    int value = 0;
    ::sem_getvalue(semaphore_, &value);
    return value >= most_;
}

bool Claims::acquire(bool block, std::optional<double> seconds) {
    Entry* entry = mine();
    if (::sem_trywait(semaphore_) == 0) {
        count(entry);
        return true;
    }
    return block && (!seconds || *seconds > 0) && wait(entry, seconds);
}

bool Claims::wait(Entry* entry, std::optional<double> seconds) {
    const auto until = after(seconds);
    for (;;) {
        const auto now = std::chrono::steady_clock::now();
        if (until && *until <= now) return false;
        const auto look_again = now + look_for_signals;
        const auto deadline = detail::Deadline::at(until ? std::min(*until, look_again) : look_again);
        bool taken = false;
        {
            WithoutGil without_gil;
            taken = ::sem_clockwait(semaphore_, deadline.clock(), &deadline.time()) == 0;
            if (taken) count(entry);
        }
        if (taken) return true;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }
}

void Claims::release() {
    if (full()) {
        PyErr_SetString(PyExc_ValueError, "semaphore or lock released too many times");
        throw nb::python_error();
    }
    drop();
    ::sem_post(semaphore_);
}

void Claims::drop() {
    Entry* entry = mine();
    if (entry == nullptr) return;
    std::uint64_t now = *entry;
    while (count_of(now) > 0 && !entry->compare_exchange_weak(now, now - 1)) {
    }
}

bool Claims::recover() {
    const std::uint64_t me = name_of(self());
    for (Entry* entry = table(); entry != table() + entries; ++entry) {
        std::uint64_t now = *entry;
        const std::uint64_t dead = owner_of(now);
        if (dead == 0 || dead == me || !has_ended(dead)) continue;
        // Others may be at it, too.
        while (owner_of(now) == dead && count_of(now) > 0) {
            if (!entry->compare_exchange_weak(now, now - 1)) continue;
            if (!full()) ::sem_post(semaphore_);
            return true;
        }
        if (now == dead) entry->compare_exchange_strong(now, 0);
    }
    return false;
}

void define_claims(nb::module_& module) {
    nb::class_<Claims>(module, "Claims")
        .def(nb::init<std::uintptr_t, int>(), nb::arg("semaphore"), nb::arg("most"))
        .def("acquire", &Claims::acquire, nb::arg("block") = true, nb::arg("timeout").none() = nb::none())
        .def("release", &Claims::release)
        .def("drop", &Claims::drop)
        .def("recover", &Claims::recover);
}

}  // namespace haid::python
