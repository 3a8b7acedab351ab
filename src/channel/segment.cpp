#include "channel/segment.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "system/error.hpp"

namespace haid::channel {
namespace {

constexpr std::size_t page = 4096;
// Addresses, not memory. What fits where addresses are limited (ulimit -v) is taken instead.
constexpr std::size_t largest_arena = std::size_t{1} << 36;
constexpr std::size_t smallest_arena = std::size_t{1} << 24;

constexpr std::size_t whole_pages(std::size_t size) {
    return (size + page - 1) / page * page;
}

}  // namespace

Segment::Segment(std::size_t workers, system::Descriptor file)
    : workers_(workers),
      lanes_at_(slots_at + whole_pages(slots * sizeof(Slot))),
      rings_at_(lanes_at_ + whole_pages(workers * sizeof(Lane))),
      arena_at_(rings_at_ + workers * ring_size),
      size_(0),
      file_(std::move(file)) {
    struct stat status {};
    system::check(::fstat(file_.get(), &status), "cannot find the workers' shared memory");
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ == 0) return;  // it is being made: see the other constructor
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_.get(), 0);
    if (memory == MAP_FAILED) system::throw_errno("cannot map the workers' shared memory");
    memory_ = static_cast<std::byte*>(memory);
    ::madvise(memory, size_, MADV_DONTDUMP);
}

Segment::Segment(std::size_t workers)
    : Segment(workers,
              system::Descriptor(system::check(::memfd_create("haid", MFD_CLOEXEC), "cannot make shared memory"))) {
    const std::uint64_t longest = system::longest_file();
    for (std::size_t arena = largest_arena; arena >= smallest_arena; arena /= 4) {
        size_ = arena_at_ + arena;
        if (size_ > longest) {
            errno = EFBIG;
            continue;
        }
        if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) continue;
        void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_.get(), 0);
        if (memory == MAP_FAILED) continue;
        memory_ = static_cast<std::byte*>(memory);
        made_here_ = true;
        // A worker that crashes must not write gigabytes of untouched addresses into a core file.
        ::madvise(memory, size_, MADV_DONTDUMP);
        return;
    }
    const int error = errno;
    throw system::SystemError(
        error,
        fmt::format("cannot make {} MiB of shared memory for {} worker(s){}", size_ >> 20, workers,
                    error == EFBIG    ? fmt::format(" (the limit of a file's length is {} bytes: ulimit -f)", longest)
                    : error == ENOMEM ? " (is the limit of addresses reached? see ulimit -v)"
                                      : ""));
}

Segment::~Segment() {
    if (memory_ == nullptr) return;
    // Whoever was forked meanwhile may have it, too.
    if (made_here_) discard(0, size_);
    ::munmap(memory_, size_);
}

void Segment::hand_on_no_more() {
    ::madvise(memory_, size_, MADV_DONTFORK);
    file_.close();
}

std::shared_ptr<std::byte> Segment::map_privately(std::span<const std::byte> part) const {
    const auto begin = static_cast<std::size_t>(part.data() - memory_);
    const std::size_t before = begin % page;
    const std::size_t size = before + part.size();
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file_.get(),
                          static_cast<off_t>(begin - before));
    if (memory == MAP_FAILED) system::throw_errno("cannot map a task's input");
    return {static_cast<std::byte*>(memory) + before, [memory, size](std::byte*) { ::munmap(memory, size); }};
}

void Segment::discard(std::uint64_t offset, std::size_t size) const {
    ::madvise(memory_ + offset, size, MADV_REMOVE);
}

}  // namespace haid::channel
