// A result on its way from a worker: a value, and its large parts behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "haid/codec.hpp"
#include "parts.hpp"
#include "values.hpp"

namespace haid::python {

// What encode_value has made.
struct Result {
    std::span<const std::byte> header;
    const std::vector<Part>& parts;
};

// Task::write_value puts the size in front: parts are aligned from there.
constexpr std::size_t in_front_of_result = sizeof(std::uint32_t);

struct ResultReader {
    // Throws DecodeError.
    explicit ResultReader(std::span<const std::byte> result) : header({}) {
        Decoder from(result);
        std::uint32_t size = 0;
        from.read(&size, sizeof size);
        header = Decoder(from.take(size));
        const std::size_t before = sizeof size + size + in_front_of_result;
        if (from.remaining() == 0) return;
        from.take(aligned(before) - before);
        area = from.take(from.remaining());
    }

    Decoder header;
    std::span<const std::byte> area;
};

}  // namespace haid::python

template <>
struct haid::Codec<haid::python::Result> {
    static std::size_t size(const python::Result& result) {
        std::size_t size = python::in_front_of_result + sizeof(std::uint32_t) + result.header.size();
        for (const python::Part& part : result.parts) size = python::aligned(size) + part.bytes.size();
        return size;
    }
    static void encode(Encoder& to, const python::Result& result) {
        static constexpr std::byte padding[python::part_alignment] = {};
        const auto header = static_cast<std::uint32_t>(result.header.size());
        to.write(&header, sizeof header);
        to.write(result.header.data(), header);
        std::size_t written = python::in_front_of_result + sizeof header + header;
        for (const python::Part& part : result.parts) {
            to.write(padding, python::aligned(written) - written);
            to.write(part.bytes.data(), part.bytes.size());
            written = python::aligned(written) + part.bytes.size();
        }
    }
    // Read by ResultReader.
    static python::Result decode(Decoder&) = delete;
};
