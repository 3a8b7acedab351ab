// Bytes kept until they can be passed on: in memory as long as the store has room, then in an unlinked temporary file.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "system/descriptor.hpp"

namespace haid::system {

// The memory that all spools of a run share, and where their files go. Not thread-safe.
class SpoolStore {
  public:
    SpoolStore(std::string directory, std::size_t memory) : directory_(std::move(directory)), memory_left_(memory) {}

    const std::string& directory() const { return directory_; }

  private:
    friend class Spool;
    Pipe& relay();
    void drop_relay() { relay_ = {}; }

    std::string directory_;
    std::size_t memory_left_;
    Pipe relay_;
};

// A queue of bytes: what was put in first comes out first. Move-only. Faults, a full disk first of all, are
// SystemErrors that name the folder; nothing is dropped silently.
class Spool {
  public:
    explicit Spool(SpoolStore& store) : store_(&store) {}
    Spool(Spool&&) noexcept;
    Spool& operator=(Spool&&) noexcept;
    ~Spool();

    void append(std::string_view data);

    enum class Input { open, ended };
    // Takes what a non-blocking pipe holds, at most `limit` bytes, without passing it through memory once spilled.
    Input fill_from(int pipe, std::size_t limit);

    enum class Output { done, blocked };
    // Passes on as much as the descriptor takes, and forgets it. `piece`: the most that one call may write.
    Output drain_to(int fd, std::size_t piece);
    // The same, with one call at the most: for a descriptor that blocks.
    Output drain_once(int fd, std::size_t piece);

    // The next bytes, at most so many, and forgets them.
    std::string take(std::size_t most);

    // Reads all of it, piece by piece, and keeps it.
    void for_each(const std::function<void(std::string_view)>& use) const;
    std::string text() const;
    // Of the bytes that are in it; 0 where there are none.
    char last() const;

    // Bytes put in and not yet passed on.
    std::uint64_t size() const { return memory_size_ + static_cast<std::uint64_t>(file_end_ - file_start_); }
    bool empty() const { return size() == 0; }
    bool spilled() const { return static_cast<bool>(file_); }

  private:
    // One read of a pipe at its default capacity.
    static constexpr std::size_t chunk_size = 64 * 1024;
    // Splicing to a file and back costs less than copying through memory: 1 GiB through -k took 0.55 s with 2 MiB a job
    // in memory, 0.66 s with 24 MiB. Small outputs, the most, are better off without a file each.
    static constexpr std::size_t most_in_memory = 1024 * 1024;

    void spill();
    void append_to_file(std::string_view data);
    static constexpr ssize_t cannot_splice = -2;
    ssize_t splice_from(int pipe, std::size_t limit);
    void release_memory();
    void forget_memory(std::size_t size);
    ssize_t drain_memory(int fd, std::size_t piece);
    ssize_t drain_file(int fd, std::size_t piece);
    // Of the file, as much as one call gives, but something. Throws SystemError.
    std::size_t read_back(char* to, std::size_t size, off_t at) const;

    SpoolStore* store_;
    std::list<std::string> chunks_;  // what came first; costs nothing as long as there is none
    std::size_t front_used_ = 0;     // bytes of the first chunk already passed on
    std::size_t memory_size_ = 0;
    std::size_t reserved_ = 0;  // what this spool took of the store's memory
    Descriptor file_;           // what came after memory was full
    off_t file_start_ = 0;
    off_t file_end_ = 0;
};

}  // namespace haid::system
