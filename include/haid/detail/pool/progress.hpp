// How far a worker is, in one word. Not for users.
#pragma once

#include <cstddef>
#include <cstdint>

namespace haid::detail {

// One store of it an item tells the parent all that it has to know if the worker dies.
struct Progress {
    std::uint32_t item;   // those before it are done
    bool runs;            // the item itself
    std::uint64_t bytes;  // of the values in the open frame; less than 2^31

    static constexpr Progress of(std::uint64_t word) {
        return {static_cast<std::uint32_t>(word >> 32), (word & running) != 0, word & (running - 1)};
    }
    constexpr std::uint64_t word() const {
        return static_cast<std::uint64_t>(item) << 32 | (runs ? running : 0) | bytes;
    }
    // What a word grows by with an item that has written so many bytes.
    static constexpr std::uint64_t one_more(std::size_t bytes) { return (std::uint64_t{1} << 32) + bytes; }

  private:
    static constexpr std::uint64_t running = std::uint64_t{1} << 31;
};

}  // namespace haid::detail
