// Memory that arrays lie in without having copied it: the type haid._haid.Memory, with the buffer protocol.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <memory>
#include <span>

#include "haid/detail/pool/task.hpp"

namespace haid::python {

struct Memory {
    std::shared_ptr<std::byte> bytes;
    std::size_t size;
};

// References that are given up by a thread that has not the GIL; they go with the next call of empty_graveyard, which
// wants it.
void bury(nanobind::object object);
void empty_graveyard();

void define_memory(nanobind::module_& module);

// A part of a task's input, which the task may write to: large ones are mapped, and a page is copied when it is written
// to. It is valid until the item is done: see keep().
nanobind::object part_of(const detail::Task& task, std::span<const std::byte> part);
// Somebody still has the memory when its item is done: makes all of its pages its own.
void keep(Memory& memory);

// Bytes of somebody else that nobody keeps for us.
nanobind::object copy_of(const std::byte* bytes, std::size_t size);

}  // namespace haid::python
