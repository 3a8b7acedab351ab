// Python's lock, for threads that the end of the interpreter may overtake.
//
// While it ends, a thread that wants the lock gets it no more: up to Python 3.13 it is ended on the spot by
// pthread_exit, which unwinds its stack. That must not come to a C++ function: it would abort the process, or destroy
// Python's objects without the lock. So a thread that Python ends stops where it was, for ever, as Python 3.14 has it
// too; it ends with the process.
#pragma once

#include <Python.h>
#include <unistd.h>

#include <exception>

namespace haid::python {

// A call that gives the lock up, or runs Python's code, which may: every one that any thread of a program can get to.
// What C++ throws passes.
template <class Function>
[[gnu::noinline]] auto in_python(Function function) {
    struct StopsHere {
        // A thread that is being ended unwinds without any exception.
        ~StopsHere() {
            while (!is_back && std::uncaught_exceptions() == exceptions) ::pause();
        }
        bool is_back = false;
        int exceptions = std::uncaught_exceptions();
    } unless;
    auto result = function();
    unless.is_back = true;
    return result;
}

class WithoutGil {
  public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil() {
        in_python([this] {
            PyEval_RestoreThread(state_);
            return true;
        });
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

  private:
    PyThreadState* state_;
};

class WithGil {
  public:
    WithGil() : state_(in_python([] { return PyGILState_Ensure(); })) {}
    ~WithGil() { PyGILState_Release(state_); }
    WithGil(const WithGil&) = delete;
    WithGil& operator=(const WithGil&) = delete;

  private:
    PyGILState_STATE state_;
};

}  // namespace haid::python
