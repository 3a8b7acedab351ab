// Owned file descriptors. Every descriptor made here is close-on-exec.
//
// None of ours is 0, 1 or 2. Where a program was started with one of them closed, the kernel gives its number to the
// next file that is opened, and whatever is printed from then on goes into that. A program of ours takes the numbers at
// its start (hold_standard_descriptors). The libraries own nothing global, so what they open goes elsewhere: each
// Descriptor that is made of such a number takes a higher one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace haid::system {

// The same file under a number above 2, close-on-exec; `fd` is closed then. One that is above, or is none, stays as it
// is. -1 with errno (EMFILE) where there is no number left, and `fd` is closed all the same.
int above_standard(int fd) noexcept;

class Descriptor {
  public:
    Descriptor() = default;
    // Takes what was opened; it may get another number, see above. Throws SystemError (EMFILE) where it cannot.
    explicit Descriptor(int fd);
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

// Both of what pipe2 or socketpair has made. Throws SystemError (EMFILE); nothing stays open then.
Pipe own_both(const int (&ends)[2]);

// The read end does not block. Throws SystemError (EMFILE, ENFILE).
Pipe make_pipe();

// Opens with O_CLOEXEC; `flags` and `mode` as for open(2). Throws SystemError naming the path.
Descriptor open_file(const std::string& path, int flags, unsigned mode = 0666);

// A file without a name: gone with its last descriptor. Throws SystemError naming the folder.
Descriptor unlinked_file(const std::string& directory);

// Writes everything to a descriptor that may block; waits where it is non-blocking. Throws SystemError naming `what`.
void write_all(int fd, std::string_view data, const char* what);

// What some editors write at the start of a file in UTF-8. It is no part of the text.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// The whole of a small file such as those in /proc, without a byte order mark; empty where it cannot be read.
std::string read_small_file(const std::string& path);
// The same of a file that somebody has named. Throws SystemError where it cannot be read.
std::string read_file(const std::string& path);
// The same; none where it cannot be read, and errno says why.
std::optional<std::string> try_to_read(const std::string& path);

// For a program of ours, before it opens anything: what is closed of the descriptors 0 to 2 becomes /dev/null, so that
// no other file gets the number. What reads 0 or writes to 1 has an error as from a closed one (EBADF): neither an
// input nor output is lost silently. Messages (2) are for nobody then. False with errno where /dev/null cannot be
// opened.
bool hold_standard_descriptors() noexcept;

// Whether what is opened may be read, or written to: a standard descriptor that was closed may not.
bool is_readable(int fd) noexcept;
bool is_writable(int fd) noexcept;

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
