// Python values as bytes, and back.
//
// None, booleans, integers of 64 bits, floats, ASCII text, bytes, and small tuples of these are written as they are:
// some 10 ns instead of the 300 of a pickle, and nobody can tell the difference. All else is a pickle, and the buffers
// that it has set apart (of arrays: protocol 5).
//
// All functions want the GIL, and throw nanobind::python_error for what Python raises.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "haid/codec.hpp"

namespace haid::python {

// What haid._pickling gives to be used from here.
struct Pickling {
    nanobind::object dumps;     // a result -> bytes, or a pair of bytes and the buffers that were set apart
    nanobind::object loads;     // memory, and buffers by their name -> value
    nanobind::object describe;  // exception, or a pair of why a result cannot be pickled and that result -> bytes
    nanobind::object restore;   // bytes -> exception
    nanobind::tuple buffers = nanobind::make_tuple("buffers");
};
// Lives as long as the process.
Pickling& pickling();

// Large parts of a value, which are not written with it. Valid as long as `owner` is.
struct Part {
    std::span<const std::byte> bytes;
    nanobind::object owner;
};

// Writes the value but for its large parts, which follow in `apart` in the order in which they will be asked for.
// `dumps`: as Pickling has it.
void encode_value(nanobind::handle value, nanobind::handle dumps, Encoder& to, std::vector<Part>& apart);
// A pickle already, of type bytes.
void encode_pickle(nanobind::handle pickle, Encoder& to);

// Where large parts come from, one after another: an object with the buffer protocol, of so many bytes.
using NextPart = std::function<nanobind::object(std::size_t size)>;
// Throws DecodeError where the bytes are none that encode_value has written.
nanobind::object decode_value(Decoder& from, const NextPart& next_part);

// In place of a value that could not be encoded: the other side sends it back.
void encode_nothing(Encoder& to);
bool is_nothing(std::span<const std::byte> bytes);

}  // namespace haid::python
