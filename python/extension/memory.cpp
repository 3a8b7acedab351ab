#include "memory.hpp"

#include <cstring>

namespace haid::python {
namespace {

namespace nb = nanobind;

constexpr std::size_t page = 4096;
// Below it copying costs less than making a mapping and taking it down.
constexpr std::size_t smallest_mapping = 256 * 1024;

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
    auto& memory = *nb::inst_ptr<Memory>(self);
    return PyBuffer_FillInfo(view, self, memory.bytes.get(), static_cast<Py_ssize_t>(memory.size), 0, flags);
}

PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)}, {0, nullptr}};

}  // namespace

void define_memory(nb::module_& module) {
    nb::class_<Memory>(module, "Memory", nb::type_slots(slots));
}

nb::object part_of(const detail::Task& task, std::span<const std::byte> part) {
    if (part.size() < smallest_mapping) return copy_of(part.data(), part.size());
    return nb::cast(Memory{task.private_input(part), part.size()});
}

void keep(Memory& memory) {
    if (memory.size < smallest_mapping) return;
    volatile std::byte* bytes = memory.bytes.get();
    for (std::size_t at = 0; at < memory.size; at += page) bytes[at] = bytes[at];
    bytes[memory.size - 1] = bytes[memory.size - 1];
}

nb::object copy_of(const std::byte* bytes, std::size_t size) {
    std::shared_ptr<std::byte> copy(new std::byte[size], std::default_delete<std::byte[]>());
    std::memcpy(copy.get(), bytes, size);
    return nb::cast(Memory{std::move(copy), size});
}

}  // namespace haid::python
