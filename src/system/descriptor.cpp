#include "system/descriptor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "system/error.hpp"

namespace haid::system {
namespace {

constexpr char apart[] = "cannot keep a file apart from the closed standard descriptors";

}  // namespace

int above_standard(int fd) noexcept {
    if (fd < 0 || fd > STDERR_FILENO) return fd;
    const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int error = errno;
    ::close(fd);
    errno = error;
    return moved;
}

Descriptor::Descriptor(int fd) : fd_(above_standard(fd)) {
    if (fd_ < 0 && fd >= 0) throw_errno(apart);
}

void Descriptor::close() {
    // Linux frees the descriptor even where close reports EINTR: never call it again.
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Pipe own_both(const int (&ends)[2]) {
    const int first = above_standard(ends[0]);
    const int second = above_standard(ends[1]);
    Pipe both;
    if (first >= 0) both.read = Descriptor(first);
    if (second >= 0) both.write = Descriptor(second);
    if (!both.read || !both.write) throw_errno(apart);
    return both;
}

Pipe make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
    Pipe pipe = own_both(ends);
    // Only our end: the write end is the job's, and programs do not expect a standard output that does not block.
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    return pipe;
}

Descriptor open_file(const std::string& path, int flags, unsigned mode) {
    int fd = uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
    if (fd < 0) throw_errno(fmt::format("cannot open '{}'", path));
    return Descriptor(fd);
}

Descriptor unlinked_file(const std::string& directory) {
    int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return Descriptor(fd);
    // Not every file system knows O_TMPFILE (NFS, overlayfs before 6.1).
    std::string path = directory + "/haid-XXXXXX";
    fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) {
        throw_errno(fmt::format("cannot make a temporary file in '{}' (set TMPDIR to another folder)", directory));
    }
    ::unlink(path.c_str());
    return Descriptor(fd);
}

void write_all(int fd, std::string_view data, const char* what) {
    while (!data.empty()) {
        ssize_t written = ::write(fd, data.data(), data.size());
        if (written >= 0) {
            data.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd writable{fd, POLLOUT, 0};
            ::poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            throw_errno(fmt::format("cannot write {}", what));
        }
    }
}

std::optional<std::string> try_to_read(const std::string& path) {
    const Descriptor file(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
    std::string text;
    char buffer[4096];
    ssize_t size = -1;
    while (file && (size = uninterrupted([&] { return ::read(file.get(), buffer, sizeof buffer); })) > 0) {
        text.append(buffer, static_cast<std::size_t>(size));
    }
    if (size < 0) return std::nullopt;
    if (text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
    return text;
}

std::string read_small_file(const std::string& path) {
    return try_to_read(path).value_or("");
}

std::string read_file(const std::string& path) {
    if (auto text = try_to_read(path)) return *std::move(text);
    throw_errno(fmt::format("cannot read '{}'", path));
}

bool hold_standard_descriptors() noexcept {
    const int directions[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        // The lowest number that is free: this one.
        if (::open("/dev/null", directions[fd]) < 0) return false;
    }
    return true;
}

bool is_readable(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

bool is_writable(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

FileLimit raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("cannot read the limit of open files");
    FileLimit before{limit.rlim_cur, limit.rlim_max};
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return before;
}

std::uint64_t longest_file() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) throw_errno("cannot read the limit of a file's length");
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

}  // namespace haid::system
