// What runs in a worker process of a pool of Python's.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "haid/detail/pool/call.hpp"

namespace haid::python {

// How a function is called with an item.
enum class Spread : std::uint8_t {
    item,   // f(item)
    tuple,  // f(*item)
    call,   // f(*item[0], **item[1])
};

// What all tasks of a call have in common. `function`: a pickle. `number`: not 0 where a worker may keep the function,
// and the same only for the same bytes.
std::vector<std::byte> encode_function(std::uint64_t number, Spread spread, const nanobind::bytes& function);

// Runs tasks whose items are values and whose common part is a function.
void run_items(detail::Task& task);

// An exception of Python's on its way to another process, which raises it.
std::exception_ptr error_of(const nanobind::python_error& error) noexcept;

// `start(worker)` is called first, and calls an initializer of the user's if there is one; `leave()` last.
// Where `live` is not None, `live(worker, work)` is called in place of both: it calls `work()` in between. The process
// must have been forked between PyOS_BeforeFork and its parent's PyOS_AfterFork_Parent.
std::shared_ptr<detail::WorkerHooks> worker_hooks(nanobind::object start, nanobind::object leave, nanobind::object live,
                                                  bool has_initializer);

// In a program that was started to be a worker: does its work, and returns its exit status. `place`: the last argument.
int work_at(const std::string& place, nanobind::object start, nanobind::object leave, nanobind::object live);

}  // namespace haid::python
