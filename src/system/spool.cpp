#include "system/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "system/error.hpp"

namespace haid::system {
Spool::Spool(Spool&& other) noexcept : store_(other.store_) {
    *this = std::move(other);
}

Spool& Spool::operator=(Spool&& other) noexcept {
    if (this == &other) return *this;
    release_memory();
    store_ = other.store_;
    chunks_ = std::move(other.chunks_);
    other.chunks_.clear();
    front_used_ = std::exchange(other.front_used_, 0);
    memory_size_ = std::exchange(other.memory_size_, 0);
    reserved_ = std::exchange(other.reserved_, 0);
    file_ = std::move(other.file_);
    file_start_ = std::exchange(other.file_start_, 0);
    file_end_ = std::exchange(other.file_end_, 0);
    return *this;
}

Spool::~Spool() {
    release_memory();
}

void Spool::release_memory() {
    store_->memory_left_ += std::exchange(reserved_, 0);
    chunks_.clear();
    memory_size_ = front_used_ = 0;
}

void Spool::append(std::string_view data) {
    if (data.empty()) return;
    if (!file_ && (data.size() > store_->memory_left_ || memory_size_ + data.size() > most_in_memory)) spill();
    if (file_) return append_to_file(data);
    store_->memory_left_ -= data.size();
    reserved_ += data.size();
    memory_size_ += data.size();
    if (chunks_.empty() || chunks_.back().size() + data.size() > chunk_size) chunks_.emplace_back();
    chunks_.back().append(data);
}

void Spool::spill() {
    file_ = unlinked_file(store_->directory_);
}

void Spool::append_to_file(std::string_view data) {
    while (!data.empty()) {
        ssize_t size = uninterrupted([&] { return ::write(file_.get(), data.data(), data.size()); });
        if (size < 0) throw_errno(fmt::format("cannot keep the output of a job in '{}'", store_->directory_));
        file_end_ += size;
        data.remove_prefix(static_cast<std::size_t>(size));
    }
}

Spool::Input Spool::fill_from(int pipe, std::size_t limit) {
    static char buffer[chunk_size];
    for (std::size_t taken = 0; taken < limit;) {
        std::size_t wanted = limit - taken;
        ssize_t size = file_ ? splice_from(pipe, wanted) : cannot_splice;
        if (size == cannot_splice) {
            wanted = std::min(wanted, sizeof buffer);
            size = uninterrupted([&] { return ::read(pipe, buffer, wanted); });
            if (size > 0) append({buffer, static_cast<std::size_t>(size)});
            // Less than a full buffer: the pipe is empty now, and asking again would only say so.
            if (size > 0 && static_cast<std::size_t>(size) < wanted) return Input::open;
        }
        if (size == 0) return Input::ended;
        if (size < 0) {
            if (errno == EAGAIN) return Input::open;
            throw_errno("cannot read the output of a job");
        }
        taken += static_cast<std::size_t>(size);
    }
    return Input::open;
}

// By way of a pipe of our own: moving pages from pipe to pipe takes no time, while a splice into a file would keep the
// job's pipe locked for the whole copy, and the job out of it.
ssize_t Spool::splice_from(int pipe, std::size_t limit) {
    Pipe& relay = store_->relay();
    ssize_t moved = uninterrupted(
        [&] { return ::splice(pipe, nullptr, relay.write.get(), nullptr, limit, SPLICE_F_MOVE | SPLICE_F_NONBLOCK); });
    if (moved < 0 && (errno == EINVAL || errno == ENOSYS)) return cannot_splice;
    if (moved < 0 && errno != EAGAIN) {
        throw_errno(fmt::format("cannot keep the output of a job in '{}'", store_->directory_));
    }
    for (ssize_t left = moved; left > 0;) {
        ssize_t size = uninterrupted([&] {
            return ::splice(relay.read.get(), nullptr, file_.get(), nullptr, static_cast<std::size_t>(left),
                            SPLICE_F_MOVE);
        });
        if (size < 0 && (errno == EINVAL || errno == ENOSYS)) {  // a file system that cannot splice
            static char buffer[chunk_size];
            size = uninterrupted([&] { return ::read(relay.read.get(), buffer, sizeof buffer); });
            if (size > 0) append_to_file({buffer, static_cast<std::size_t>(size)});
        } else if (size > 0) {
            file_end_ += size;
        }
        if (size <= 0) {
            int error = size < 0 ? errno : EIO;
            store_->drop_relay();  // what is in it must not turn up in another spool
            throw SystemError(error, fmt::format("cannot keep the output of a job in '{}'", store_->directory_));
        }
        left -= size;
    }
    return moved;
}

Pipe& SpoolStore::relay() {
    if (!relay_.read) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
        relay_ = own_both(ends);
        ::fcntl(relay_.write.get(), F_SETPIPE_SZ, 1024 * 1024);
    }
    return relay_;
}

Spool::Output Spool::drain_to(int fd, std::size_t piece) {
    while (!empty()) {
        if (drain_once(fd, piece) == Output::blocked) return Output::blocked;
    }
    return Output::done;
}

Spool::Output Spool::drain_once(int fd, std::size_t piece) {
    if (empty()) return Output::done;
    ssize_t size = !chunks_.empty() ? drain_memory(fd, piece) : drain_file(fd, piece);
    if (size < 0 && errno == EAGAIN) return Output::blocked;
    if (size < 0) throw_errno("cannot write the output");
    return Output::done;
}

ssize_t Spool::drain_memory(int fd, std::size_t piece) {
    std::string_view rest = std::string_view(chunks_.front()).substr(front_used_, piece);
    ssize_t size = uninterrupted([&] { return ::write(fd, rest.data(), rest.size()); });
    if (size > 0) forget_memory(static_cast<std::size_t>(size));
    return size;
}

void Spool::forget_memory(std::size_t size) {
    front_used_ += size;
    memory_size_ -= size;
    if (front_used_ < chunks_.front().size()) return;
    store_->memory_left_ += chunks_.front().size();
    reserved_ -= chunks_.front().size();
    chunks_.pop_front();
    front_used_ = 0;
}

std::size_t Spool::read_back(char* to, std::size_t size, off_t at) const {
    const ssize_t got = uninterrupted([&] { return ::pread(file_.get(), to, size, at); });
    if (got <= 0) throw SystemError(got < 0 ? errno : EIO, "cannot read back the output of a job");
    return static_cast<std::size_t>(got);
}

std::string Spool::take(std::size_t most) {
    std::string taken;
    while (taken.size() < most && !chunks_.empty()) {
        const auto piece = std::string_view(chunks_.front()).substr(front_used_, most - taken.size());
        taken.append(piece);
        forget_memory(piece.size());
    }
    const std::size_t begin = taken.size();
    taken.resize(begin + std::min(most - begin, static_cast<std::size_t>(file_end_ - file_start_)));
    for (std::size_t at = begin; at < taken.size();) {
        const std::size_t size = read_back(taken.data() + at, taken.size() - at, file_start_);
        file_start_ += static_cast<off_t>(size);
        at += size;
    }
    return taken;
}

ssize_t Spool::drain_file(int fd, std::size_t piece) {
    std::size_t want = std::min(piece, static_cast<std::size_t>(file_end_ - file_start_));
    ssize_t size = uninterrupted([&] { return ::sendfile(fd, file_.get(), &file_start_, want); });
    if (size == 0) throw SystemError(EIO, "a temporary file with the output of a job was cut short");
    if (size > 0 || (errno != EINVAL && errno != ENOSYS)) return size;
    // A target opened for appending, or a device that cannot splice.
    static char buffer[chunk_size];
    const std::size_t got = read_back(buffer, std::min(want, sizeof buffer), file_start_);
    size = uninterrupted([&] { return ::write(fd, buffer, got); });
    if (size > 0) file_start_ += size;
    return size;
}

void Spool::for_each(const std::function<void(std::string_view)>& use) const {
    std::size_t skip = front_used_;
    for (const std::string& chunk : chunks_) use(std::string_view(chunk).substr(std::exchange(skip, 0)));
    char buffer[4096];
    for (off_t at = file_start_; at < file_end_;) {
        const std::size_t size = read_back(buffer, sizeof buffer, at);
        use({buffer, size});
        at += static_cast<off_t>(size);
    }
}

char Spool::last() const {
    char byte = 0;
    if (file_end_ > file_start_) {
        read_back(&byte, 1, file_end_ - 1);
    } else if (memory_size_ > 0) {
        byte = chunks_.back().back();
    }
    return byte;
}

std::string Spool::text() const {
    std::string all;
    all.reserve(size());
    for_each([&](std::string_view piece) { all.append(piece); });
    return all;
}

}  // namespace haid::system
