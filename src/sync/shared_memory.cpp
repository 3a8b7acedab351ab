#include "haid/detail/sync/shared_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "system/error.hpp"

namespace haid::detail {

SharedMemory::SharedMemory(std::size_t bytes)
    : bytes_(std::max<std::size_t>(bytes, 1)),
      data_(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (data_ == MAP_FAILED) {
        system::throw_errno("haid: cannot make " + std::to_string(bytes_) + " bytes of shared memory");
    }
}

SharedMemory::~SharedMemory() {
    ::munmap(data_, bytes_);
}

}  // namespace haid::detail
