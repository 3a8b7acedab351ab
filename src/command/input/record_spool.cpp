#include "command/input/record_spool.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "system/error.hpp"

namespace haid::command {
namespace {

// A record on disk: the number of its values, and before each value its length.
using Length = std::uint32_t;

void put(std::string& buffer, std::size_t value) {
    auto length = static_cast<Length>(value);
    buffer.append(reinterpret_cast<const char*>(&length), sizeof length);
}

}  // namespace

void RecordSpool::add(const std::vector<std::string>& record) {
    if (shuffle_) order_.push_back(end_);
    std::size_t before = buffer_.size();
    put(buffer_, record.size());
    for (const std::string& value : record) {
        put(buffer_, value.size());
        buffer_.append(value);
    }
    end_ += buffer_.size() - before;
    ++size_;
    if (buffer_.size() > memory) flush();
}

void RecordSpool::flush() {
    if (!file_) file_ = system::unlinked_file(directory_);
    system::write_all(file_.get(), buffer_, "the inputs into a temporary file");
    buffer_start_ += buffer_.size();
    buffer_.clear();
}

void RecordSpool::finish() {
    if (file_) flush();
    if (shuffle_) std::shuffle(order_.begin(), order_.end(), std::mt19937_64(std::random_device{}()));
}

std::string RecordSpool::read(std::uint64_t at, std::size_t size) {
    if (at < buffer_start_ || at + size > buffer_start_ + buffer_.size()) {
        constexpr std::size_t window = 64 * 1024;
        buffer_.resize(std::max(window, size));
        buffer_start_ = at;
        const ssize_t got = system::uninterrupted(
            [&] { return ::pread(file_.get(), buffer_.data(), buffer_.size(), static_cast<off_t>(at)); });
        if (got < static_cast<ssize_t>(size))
            throw system::SystemError(got < 0 ? errno : EIO, "cannot read back the inputs");
        buffer_.resize(static_cast<std::size_t>(got));
    }
    return buffer_.substr(at - buffer_start_, size);
}

void RecordSpool::rewind() {
    next_ = 0;
    position_ = 0;
}

bool RecordSpool::next(std::vector<std::string>& record) {
    if (next_ == size_) return false;
    if (shuffle_) position_ = order_[next_];
    ++next_;
    auto take_length = [&] {
        Length length;
        std::memcpy(&length, read(position_, sizeof length).data(), sizeof length);
        position_ += sizeof length;
        return length;
    };
    record.resize(take_length());
    for (std::string& value : record) {
        Length length = take_length();
        value = read(position_, length);
        position_ += length;
    }
    return true;
}

}  // namespace haid::command
