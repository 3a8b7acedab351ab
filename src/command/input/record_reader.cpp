#include "command/input/record_reader.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "system/error.hpp"

namespace haid::command {

RecordReader::RecordReader(system::Descriptor file, std::string delimiter, std::string name)
    : file_(std::move(file)),
      delimiter_(std::move(delimiter)),
      name_(std::move(name)),
      begun_(delimiter_ == std::string_view("\0", 1)) {}

std::string RecordReader::place() const {
    return fmt::format("{} {} of {}", delimiter_ == "\n" ? "line" : "record", records_, name_);
}

// Waits for no more than it needs in order to say that there is no mark.
Pull RecordReader::begin() {
    while (!at_end_ && buffer_.size() < system::byte_order_mark.size() &&
           system::byte_order_mark.starts_with(buffer_)) {
        if (refill() == Pull::blocked) return Pull::blocked;
    }
    if (buffer_.starts_with(system::byte_order_mark)) start_ = scanned_ = system::byte_order_mark.size();
    begun_ = true;
    return Pull::value;
}

Pull RecordReader::next(std::string_view& record) {
    if (!begun_ && begin() == Pull::blocked) return Pull::blocked;
    for (;;) {
        std::size_t found = buffer_.find(delimiter_, scanned_);
        if (found != std::string::npos) {
            record = std::string_view(buffer_).substr(start_, found - start_);
            start_ = scanned_ = found + delimiter_.size();
            ++records_;
            return Pull::value;
        }
        // The delimiter may have begun in the bytes at hand.
        scanned_ = std::max(start_, buffer_.size() - std::min(buffer_.size(), delimiter_.size() - 1));
        if (at_end_) {
            if (start_ == buffer_.size()) return Pull::end;
            record = std::string_view(buffer_).substr(start_);
            start_ = scanned_ = buffer_.size();
            ++records_;
            return Pull::value;
        }
        if (buffer_.size() - start_ > longest_record) {
            ++records_;
            throw InputError(fmt::format("{} is longer than {} bytes, more than a command may hold{}", place(),
                                         longest_record, delimiter_ == "\n" ? "" : "; is the delimiter right?"));
        }
        if (refill() == Pull::blocked) return Pull::blocked;
    }
}

Pull RecordReader::refill() {
    pollfd readable{file_.get(), POLLIN, 0};
    if (system::uninterrupted([&] { return ::poll(&readable, 1, 0); }) == 0) return Pull::blocked;
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
    std::size_t size = buffer_.size();
    buffer_.resize(size + read_size);
    ssize_t got = system::uninterrupted([&] { return ::read(file_.get(), &buffer_[size], read_size); });
    buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) {
        if (errno == EAGAIN) return Pull::blocked;
        throw InputError(fmt::format("cannot read {}: {}", name_, system::reason(errno)));
    }
    at_end_ = got == 0;
    return Pull::value;
}

std::optional<std::uint64_t> RecordReader::count() const {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    std::uint64_t total = records_;
    std::string text(buffer_, start_);
    off_t at = ::lseek(file_.get(), 0, SEEK_CUR);
    bool open_record = false;
    for (bool begun = begun_;;) {
        if (!begun && text.starts_with(system::byte_order_mark)) text.erase(0, system::byte_order_mark.size());
        begun = begun || at > 0;
        std::size_t from = 0;
        for (std::size_t found; (found = text.find(delimiter_, from)) != std::string::npos;
             from = found + delimiter_.size()) {
            ++total;
        }
        open_record = from < text.size();
        text.erase(0, std::max(from, text.size() - std::min(text.size(), delimiter_.size() - 1)));
        bool partial = open_record && text.empty();
        std::size_t kept = text.size();
        text.resize(kept + read_size);
        ssize_t got = ::pread(file_.get(), &text[kept], read_size, at);
        text.resize(kept + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got < 0) return std::nullopt;
        if (got == 0) return total + (open_record || partial ? 1 : 0);
        at += got;
    }
}

}  // namespace haid::command
