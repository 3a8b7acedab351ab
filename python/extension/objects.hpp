// What every part of the extension does with Python's objects and with its waits.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <optional>

#include "haid/detail/sync/deadline.hpp"

namespace haid::python {

// A new reference that a function of Python's has given. Throws what it has raised instead.
inline nanobind::object checked(PyObject* object) {
    if (object == nullptr) throw nanobind::python_error();
    return nanobind::steal(object);
}

// A main thread that waits looks so often whether Python has a signal to handle (Ctrl-C).
inline constexpr std::chrono::milliseconds look_for_signals{50};

// When so many seconds will have passed; nullopt: never.
inline std::optional<std::chrono::steady_clock::time_point> after(std::optional<double> seconds) {
    if (!seconds) return std::nullopt;
    return detail::Deadline::after(std::chrono::duration<double>(*seconds)).on_steady_clock();
}

}  // namespace haid::python
