#include <sys/mman.h>

#include <cstdint>

#include "haid/detail/pool/call.hpp"

namespace haid::detail {

void advise_large(void* memory, std::size_t size) {
    constexpr std::size_t large_page = std::size_t{2} << 20;
    if (size < 2 * large_page) return;
    const std::size_t before = (large_page - reinterpret_cast<std::uintptr_t>(memory) % large_page) % large_page;
    const std::size_t whole = (size - before) / large_page * large_page;
    ::madvise(static_cast<std::byte*>(memory) + before, whole, MADV_HUGEPAGE);
}

}  // namespace haid::detail
