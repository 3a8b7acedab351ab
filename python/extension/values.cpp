#include "values.hpp"

#include <cstdint>
#include <string>

#include "haid/error.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;

enum class Tag : std::uint8_t { none, yes, no, integer, real, text, bytes, tuple, pickle, nothing };

// Longer ones may be shared within a value, which a pickle keeps.
constexpr std::size_t longest_plain = 4096;
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
        return static_cast<std::size_t>(PyUnicode_GET_LENGTH(value)) <= longest_plain && PyUnicode_IS_ASCII(value);
    }
    if (type == &PyBytes_Type) return static_cast<std::size_t>(PyBytes_GET_SIZE(value)) <= longest_plain;
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

nb::object checked(PyObject* object) {
    if (object == nullptr) throw nb::python_error();
    return nb::steal(object);
}

nb::object decode_pickle(std::span<const std::byte> bytes) {
    nb::object view = checked(PyMemoryView_FromMemory(const_cast<char*>(reinterpret_cast<const char*>(bytes.data())),
                                                      static_cast<Py_ssize_t>(bytes.size()), PyBUF_READ));
    return checked(PyObject_CallOneArg(pickling().loads.ptr(), view.ptr()));
}

}  // namespace

Pickling& pickling() {
    static Pickling& only = *new Pickling;
    return only;
}

void encode_value(nb::handle value, Encoder& to) {
    if (is_plain(value.ptr(), 0)) return encode_plain(value.ptr(), to);
    encode_pickle(checked(PyObject_CallOneArg(pickling().dumps.ptr(), value.ptr())), to);
}

void encode_pickle(nb::handle pickle, Encoder& to) {
    char* data = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(pickle.ptr(), &data, &size) != 0) throw nb::python_error();
    write_plain(to, Tag::pickle, static_cast<std::uint64_t>(size));
    to.write(data, static_cast<std::size_t>(size));
}

nb::object decode_value(Decoder& from) {
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
                PyTuple_SET_ITEM(tuple.ptr(), i, decode_value(from).release().ptr());
            return tuple;
        }
        case Tag::pickle:
            return decode_pickle(from.take(read_plain<std::uint64_t>(from)));
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
