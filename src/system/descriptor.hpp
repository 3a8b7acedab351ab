// Owned file descriptors. Every descriptor made here is close-on-exec.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace haid::system {

class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~Descriptor() { close(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void close();
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_ = -1;
};

struct Pipe {
    Descriptor read;
    Descriptor write;
};

// The read end does not block. Throws SystemError (EMFILE, ENFILE).
Pipe make_pipe();

// Opens with O_CLOEXEC; `flags` and `mode` as for open(2). Throws SystemError naming the path.
Descriptor open_file(const std::string& path, int flags, unsigned mode = 0666);

// A file without a name: gone with its last descriptor. Throws SystemError naming the folder.
Descriptor unlinked_file(const std::string& directory);

// Writes everything to a descriptor that may block; waits where it is non-blocking. Throws SystemError naming `what`.
void write_all(int fd, std::string_view data, const char* what);

// The whole of a small file such as those in /proc; empty where it cannot be read.
std::string read_small_file(const std::string& path);

// Raises the soft limit of open files to the hard one, so that many jobs fit; the value before is what children get
// back.
struct FileLimit {
    std::uint64_t soft_before;
    std::uint64_t hard;
};
FileLimit raise_file_limit();

// How long a file may become (ulimit -f). Whoever makes one longer, a memory file too, is sent SIGXFSZ, which a library
// must leave to the program: so it asks before.
std::uint64_t longest_file();

}  // namespace haid::system
