#include "memory.hpp"

#include <cstring>
#include <mutex>
#include <vector>

#include "process/fork.hpp"

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

struct Graveyard {
    std::mutex mutex;
    std::vector<PyObject*> objects;
};

Graveyard& graveyard() {
    static Graveyard* only = [] {
        // A thread of the parent may have held the lock: a child begins anew, and lets go of nothing that is not its
        // own.
        process::at_fork_in_child([] { only = new Graveyard; });
        return new Graveyard;
    }();
    return *only;
}

}  // namespace

void bury(nb::object object) {
    Graveyard& here = graveyard();
    std::lock_guard lock(here.mutex);
    here.objects.push_back(object.release().ptr());
}

void empty_graveyard() {
    std::vector<PyObject*> objects;
    {
        Graveyard& here = graveyard();
        std::lock_guard lock(here.mutex);
        objects.swap(here.objects);
    }
    for (PyObject* object : objects) Py_DECREF(object);
}

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
