// Python values as bytes, and back.
//
// None, booleans, integers of 64 bits, floats, short strings and bytes, and small tuples of these are written as they
// are: some 10 ns instead of the 300 of a pickle, and nobody can tell the difference. All else is a pickle.
//
// All functions want the GIL, and throw nanobind::python_error for what Python raises.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <span>

#include "haid/codec.hpp"

namespace haid::python {

// The functions of haid._pickling that are used from here.
struct Pickling {
    nanobind::object dumps;     // value -> bytes
    nanobind::object loads;     // memory -> value
    nanobind::object describe;  // exception, or a pair of why a result cannot be pickled and that result -> bytes
    nanobind::object restore;   // bytes -> exception
};
// Lives as long as the process.
Pickling& pickling();

void encode_value(nanobind::handle value, Encoder& to);
// A value that is a pickle already, of type bytes.
void encode_pickle(nanobind::handle pickle, Encoder& to);
// Throws DecodeError where the bytes are none that encode_value has written.
nanobind::object decode_value(Decoder& from);

// In place of a value that could not be encoded: the other side sends it back.
void encode_nothing(Encoder& to);
bool is_nothing(std::span<const std::byte> bytes);

}  // namespace haid::python
