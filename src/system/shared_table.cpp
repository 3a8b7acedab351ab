#include "system/shared_table.hpp"

#include <sys/mman.h>

#include "system/error.hpp"

namespace haid::system {

static_assert(std::atomic<pid_t>::is_always_lock_free);

SharedTable::SharedTable(std::size_t entries) : entries_(entries) {
    void* memory = ::mmap(nullptr, entries * sizeof(std::atomic<pid_t>), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw_errno("cannot make shared memory");
    table_ = static_cast<std::atomic<pid_t>*>(memory);  // zero pages are valid zero atomics
}

SharedTable::~SharedTable() {
    ::munmap(table_, entries_ * sizeof(std::atomic<pid_t>));
}

}  // namespace haid::system
