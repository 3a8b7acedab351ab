#include "values.hpp"

#include <cstdint>
#include <string>

#include "gil.hpp"
#include "haid/error.hpp"
#include "objects.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;

enum class Tag : std::uint8_t {
    none,
    yes,
    no,
    integer,
    real,
    text,
    bytes,
    tuple,
    large_text,
    large_bytes,
    pickle,
    nothing
};

// Longer ones within a tuple may be one and the same, which a pickle keeps.
constexpr Py_ssize_t longest_plain = 4096;
constexpr Py_ssize_t largest_plain_tuple = 16;
constexpr int deepest_plain = 4;

void write_tag(Encoder& to, Tag tag) {
    to.write(&tag, sizeof tag);
}

template <class T>
void write_plain(Encoder& to, Tag tag, T value) {
    struct [[gnu::packed]] {
        Tag tag;
        T value;
    } both{tag, value};
    to.write(&both, sizeof both);
}

void write_bytes(Encoder& to, Tag tag, const char* data, Py_ssize_t size) {
    write_plain(to, tag, static_cast<std::uint32_t>(size));
    to.write(data, static_cast<std::size_t>(size));
}

// Whether encode_plain will do.
bool is_plain(PyObject* value, int depth) {
    PyTypeObject* type = Py_TYPE(value);
    if (value == Py_None || type == &PyBool_Type || type == &PyFloat_Type) return true;
    if (type == &PyLong_Type) {
        int overflow = 0;
        PyLong_AsLongLongAndOverflow(value, &overflow);
        return overflow == 0;
    }
    if (type == &PyUnicode_Type) {
        return PyUnicode_GET_LENGTH(value) <= longest_plain && PyUnicode_IS_ASCII(value);
    }
    if (type == &PyBytes_Type) return PyBytes_GET_SIZE(value) <= longest_plain;
    if (type != &PyTuple_Type || depth == deepest_plain || PyTuple_GET_SIZE(value) > largest_plain_tuple) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); ++i) {
        if (!is_plain(PyTuple_GET_ITEM(value, i), depth + 1)) return false;
    }
    return true;
}

void encode_plain(PyObject* value, Encoder& to) {
    PyTypeObject* type = Py_TYPE(value);
    if (value == Py_None) {
        write_tag(to, Tag::none);
    } else if (type == &PyBool_Type) {
        write_tag(to, value == Py_True ? Tag::yes : Tag::no);
    } else if (type == &PyLong_Type) {
        write_plain<std::int64_t>(to, Tag::integer, PyLong_AsLongLong(value));
    } else if (type == &PyFloat_Type) {
        write_plain(to, Tag::real, PyFloat_AS_DOUBLE(value));
    } else if (type == &PyUnicode_Type) {
        write_bytes(to, Tag::text, static_cast<const char*>(PyUnicode_DATA(value)), PyUnicode_GET_LENGTH(value));
    } else if (type == &PyBytes_Type) {
        write_bytes(to, Tag::bytes, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    } else {
        const Py_ssize_t size = PyTuple_GET_SIZE(value);
        write_plain(to, Tag::tuple, static_cast<std::uint32_t>(size));
        for (Py_ssize_t i = 0; i < size; ++i) encode_plain(PyTuple_GET_ITEM(value, i), to);
    }
}

template <class T>
T read_plain(Decoder& from) {
    T value;
    from.read(&value, sizeof value);
    return value;
}

std::span<const std::byte> bytes_of(const void* data, Py_ssize_t size) {
    return {static_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

// Text or bytes by themselves, too long to be plain. Whether it was one.
bool encode_large(nb::handle value, Encoder& to, std::vector<Part>& apart) {
    std::span<const std::byte> bytes;
    Tag tag{};
    if (Py_TYPE(value.ptr()) == &PyBytes_Type) {
        tag = Tag::large_bytes;
        bytes = bytes_of(PyBytes_AS_STRING(value.ptr()), PyBytes_GET_SIZE(value.ptr()));
    } else if (Py_TYPE(value.ptr()) == &PyUnicode_Type && PyUnicode_IS_ASCII(value.ptr())) {
        tag = Tag::large_text;
        bytes = bytes_of(PyUnicode_DATA(value.ptr()), PyUnicode_GET_LENGTH(value.ptr()));
    } else {
        return false;
    }
    write_plain<std::uint64_t>(to, tag, bytes.size());
    apart.push_back({bytes, nb::borrow(value)});
    return true;
}

// The sizes of the parts follow.
void write_pickle(nb::handle pickle, Encoder& to, std::uint32_t parts) {
    char* data = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(pickle.ptr(), &data, &size) != 0) throw nb::python_error();
    write_plain(to, Tag::pickle, static_cast<std::uint64_t>(size));
    to.write(data, static_cast<std::size_t>(size));
    to.write(&parts, sizeof parts);
}

void encode_parts(nb::handle pickle, nb::handle buffers, Encoder& to, std::vector<Part>& apart) {
    const auto count = static_cast<std::uint32_t>(PyList_GET_SIZE(buffers.ptr()));
    write_pickle(pickle, to, count);
    for (std::uint32_t i = 0; i < count; ++i) {
        nb::handle buffer = PyList_GET_ITEM(buffers.ptr(), i);
        const Py_buffer* view = PyPickleBuffer_GetBuffer(buffer.ptr());
        if (view == nullptr) throw nb::python_error();
        const auto size = static_cast<std::uint64_t>(view->len);
        to.write(&size, sizeof size);
        apart.push_back({bytes_of(view->buf, view->len), nb::borrow(buffer)});
    }
}

nb::object decode_pickle(Decoder& from, const NextPart& next_part) {
    std::span<const std::byte> bytes = from.take(read_plain<std::uint64_t>(from));
    auto count = read_plain<std::uint32_t>(from);
    nb::object view = checked(PyMemoryView_FromMemory(const_cast<char*>(reinterpret_cast<const char*>(bytes.data())),
                                                      static_cast<Py_ssize_t>(bytes.size()), PyBUF_READ));
    PyObject* loads = pickling().loads.ptr();
    if (count == 0) return checked(in_python([&] { return PyObject_CallOneArg(loads, view.ptr()); }));
    nb::list buffers;
    for (std::uint32_t i = 0; i < count; ++i) buffers.append(next_part(read_plain<std::uint64_t>(from)));
    return checked(in_python([&] {
        PyObject* arguments[] = {view.ptr(), buffers.ptr()};
        return PyObject_Vectorcall(loads, arguments, 1, pickling().buffers.ptr());
    }));
}

// `make` gets the data and the size.
template <class Make>
nb::object decode_large(Decoder& from, const NextPart& next_part, Make make) {
    nb::object part = next_part(read_plain<std::uint64_t>(from));
    Py_buffer view;
    if (PyObject_GetBuffer(part.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
    PyObject* value = make(static_cast<const char*>(view.buf), view.len);
    PyBuffer_Release(&view);
    return checked(value);
}

}  // namespace

Pickling& pickling() {
    static Pickling& only = *new Pickling;
    return only;
}

void encode_value(nb::handle value, nb::handle dumps, Encoder& to, std::vector<Part>& apart) {
    if (is_plain(value.ptr(), 0)) return encode_plain(value.ptr(), to);
    if (encode_large(value, to, apart)) return;
    nb::object pickle = checked(in_python([&] { return PyObject_CallOneArg(dumps.ptr(), value.ptr()); }));
    if (PyTuple_Check(pickle.ptr())) {
        encode_parts(PyTuple_GET_ITEM(pickle.ptr(), 0), PyTuple_GET_ITEM(pickle.ptr(), 1), to, apart);
    } else {
        encode_pickle(pickle, to);
    }
}

void encode_pickle(nb::handle pickle, Encoder& to) {
    write_pickle(pickle, to, 0);
}

nb::object decode_value(Decoder& from, const NextPart& next_part) {
    switch (read_plain<Tag>(from)) {
        case Tag::none:
            return nb::none();
        case Tag::yes:
            return nb::borrow(Py_True);
        case Tag::no:
            return nb::borrow(Py_False);
        case Tag::integer:
            return checked(PyLong_FromLongLong(read_plain<std::int64_t>(from)));
        case Tag::real:
            return checked(PyFloat_FromDouble(read_plain<double>(from)));
        case Tag::text: {
            auto bytes = from.take(read_plain<std::uint32_t>(from));
            return checked(
                PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
        }
        case Tag::bytes: {
            auto bytes = from.take(read_plain<std::uint32_t>(from));
            return checked(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()),
                                                     static_cast<Py_ssize_t>(bytes.size())));
        }
        case Tag::tuple: {
            auto size = read_plain<std::uint32_t>(from);
            if (size > largest_plain_tuple) break;
            nb::object tuple = checked(PyTuple_New(size));
            for (std::uint32_t i = 0; i < size; ++i)
                PyTuple_SET_ITEM(tuple.ptr(), i, decode_value(from, next_part).release().ptr());
            return tuple;
        }
        case Tag::large_bytes:
            return decode_large(from, next_part, PyBytes_FromStringAndSize);
        case Tag::large_text:
            return decode_large(from, next_part, [](const char* data, Py_ssize_t size) {
                return PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, data, size);
            });
        case Tag::pickle:
            return decode_pickle(from, next_part);
        case Tag::nothing:
            break;
    }
    throw DecodeError("haid: bytes that are no Python value");
}

void encode_nothing(Encoder& to) {
    write_tag(to, Tag::nothing);
}

bool is_nothing(std::span<const std::byte> bytes) {
    return bytes.size() == 1 && static_cast<Tag>(bytes[0]) == Tag::nothing;
}

}  // namespace haid::python
