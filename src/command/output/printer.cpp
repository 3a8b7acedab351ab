#include "command/output/printer.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/error.hpp"

namespace haid::command {
namespace {

// A large bite keeps the number of calls down; files and devices take it whole.
constexpr std::size_t large_piece = 1024 * 1024;

// After su(1) the terminal still belongs to somebody else, but everybody may open his controlling terminal by this
// name.
system::Descriptor controlling_terminal(int fd) {
    system::Descriptor own(::open("/dev/tty", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    unsigned wanted = 0, opened = 0;
    const bool same =
        own && ::ioctl(fd, TIOCGDEV, &wanted) == 0 && ::ioctl(own.get(), TIOCGDEV, &opened) == 0 && wanted == opened;
    return same ? std::move(own) : system::Descriptor();
}

}  // namespace

Printer::Target Printer::make_target(int fd, const char* name) {
    Target target{fd, {}, large_piece, false, false, ::isatty(fd) == 1, false, name};
    struct stat status {};
    if (::fstat(fd, &status) != 0) return target;
    if (!system::is_writable(fd)) {
        target.name = fd == STDOUT_FILENO ? "standard output: it was closed (> /dev/null throws output away)" : name;
        return target;
    }
    bool may_block = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISCHR(status.st_mode);
    if (!may_block) return target;
    target.shows = target.is_terminal || S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
    // O_NONBLOCK belongs to the open file, which we share with the shell and the jobs; an open of our own does not.
    if (!S_ISSOCK(status.st_mode)) {
        target.own = system::Descriptor(
            ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        if (!target.own && target.is_terminal) target.own = controlling_terminal(fd);
    }
    target.is_pipe = S_ISFIFO(status.st_mode);
    // A reader that is woken for a megabyte at a time rather than for 64 KiB. It may be refused: then it stays as it
    // is.
    if (target.is_pipe) ::fcntl(fd, F_SETPIPE_SZ, 1024 * 1024);
    if (target.own) {
        target.fd = target.own.get();
    } else {
        // Somebody else's pipe: poll(2) says writable when PIPE_BUF bytes fit.
        target.ask_first = true;
        target.piece = PIPE_BUF;
    }
    return target;
}

Printer::Printer(system::EventLoop& loop, system::SpoolStore& store)
    : loop_(loop),
      store_(store),
      output_(make_target(STDOUT_FILENO, "standard output")),
      error_(make_target(STDERR_FILENO, "standard error")),
      line_([this](std::string_view text) { return write_at_once(text); }) {}

Printer::~Printer() {
    wait_for(nullptr);
}

void Printer::print(Stream stream, std::string_view text) {
    if (text.empty()) return;
    system::Spool data(store_);
    data.append(text);
    print(stream, std::move(data));
}

void Printer::print(Stream stream, system::Spool data) {
    if (!data.empty()) enqueue({stream, std::move(data), nullptr});
}

void Printer::tell(std::string_view text) {
    if (text.empty()) return;
    system::Spool data(store_);
    if (within_line_ && items_.empty() && error_.is_terminal) data.append("\n");
    data.append(text);
    enqueue({Stream::error, std::move(data), nullptr, true});
}

void Printer::show(const std::string& line) {
    if (!items_.empty() || writing_ || !error_.is_terminal) return;
    if (line.empty() || within_line_) {
        line_.clear();
    } else {
        line_.show(line);
    }
}

void Printer::clear_line(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!line_.clear()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd writable{error_.fd, POLLOUT, 0};
        if (left.count() <= 0 || ::poll(&writable, 1, static_cast<int>(left.count())) == 0) return;
    }
}

// A terminal that is gone takes everything.
std::size_t Printer::write_at_once(std::string_view text) {
    if (error_.ask_first) {
        pollfd writable{error_.fd, POLLOUT, 0};
        if (::poll(&writable, 1, 0) == 0) return 0;
        text = text.substr(0, error_.piece);
    }
    const ssize_t size = system::uninterrupted([&] { return ::write(error_.fd, text.data(), text.size()); });
    if (size >= 0) return static_cast<std::size_t>(size);
    return errno == EAGAIN ? 0 : text.size();
}

std::optional<std::size_t> Printer::pass_on(Stream stream, int pipe, std::size_t limit) {
    Target& to = target(stream);
    line_.clear();
    if (!items_.empty() || writing_ || abandoned_ || !to.is_pipe || to.ask_first) return std::nullopt;
    ssize_t size = system::uninterrupted(
        [&] { return ::splice(pipe, nullptr, to.fd, nullptr, limit, SPLICE_F_MOVE | SPLICE_F_NONBLOCK); });
    if (size > 0) within_line_ = true;  // as far as we know
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EPIPE) throw system::SystemError(EPIPE, fmt::format("cannot write to {}", to.name));
    return std::nullopt;
}

void Printer::after(std::function<void()> then) {
    if (abandoned_) return;
    if (items_.empty() && !writing_) return then();
    enqueue({Stream::output, system::Spool(store_), std::move(then)});
}

void Printer::enqueue(Item item) {
    if (abandoned_ && !item.own_words) return;
    waiting_bytes_ += item.data.size();
    if (in_front_) {
        items_.insert(items_.begin() + static_cast<std::ptrdiff_t>((*in_front_)++), std::move(item));
    } else {
        items_.push_back(std::move(item));
    }
    if (items_.size() == 1 && !writing_) write_waiting();
}

void Printer::on_ready(std::uint32_t) {
    write_waiting();
}

void Printer::write_waiting() {
    writing_ = true;
    try {
        while (!items_.empty()) {
            Item& item = items_.front();
            if (!item.data.empty()) {
                // The line may be in the way on a pipe, too, which may end at the same terminal; but nobody waits there
                // for a terminal that takes nothing.
                const bool in_the_way = !line_.clear() && target(item.stream).is_terminal;
                const Target& to = target(item.stream);
                if (item.last == 0 && error_.is_terminal && to.shows) item.last = item.data.last();
                std::uint64_t before = item.data.size();
                system::Spool::Output result = in_the_way ? system::Spool::Output::blocked : write(item);
                waiting_bytes_ -= before - item.data.size();
                if (result == system::Spool::Output::blocked) {
                    wait_for(in_the_way ? &error_ : &target(item.stream));
                    writing_ = false;
                    return;
                }
                if (to.shows) within_line_ = item.last != '\n';
            }
            std::function<void()> then = std::move(item.then);
            items_.pop_front();
            if (!then) continue;
            in_front_ = 0;
            then();
            in_front_.reset();
        }
    } catch (...) {
        writing_ = false;
        in_front_.reset();
        throw;
    }
    writing_ = false;
    wait_for(nullptr);
}

system::Spool::Output Printer::write(Item& item) {
    try {
        return write_all(item);
    } catch (const system::SystemError& error) {
        // A terminal or a reader of messages that has gone is no reason to end jobs that work.
        const bool gone = (error.error() == EIO || error.error() == EPIPE) && item.stream == Stream::error;
        if (gone || item.own_words) {
            item.data = system::Spool(store_);
            return system::Spool::Output::done;
        }
        // A file for spilled output that cannot be read is not the stream's fault, and says so itself.
        if (error.error() == EIO) throw;
        throw system::SystemError(error.error(), fmt::format("cannot write to {}", target(item.stream).name));
    }
}

system::Spool::Output Printer::write_all(Item& item) {
    Target& to = target(item.stream);
    while (!item.data.empty()) {
        if (to.ask_first) {
            pollfd writable{to.fd, POLLOUT, 0};
            if (::poll(&writable, 1, 0) == 0) return system::Spool::Output::blocked;
            if (item.data.drain_once(to.fd, to.piece) == system::Spool::Output::blocked) {
                return system::Spool::Output::blocked;
            }
        } else if (item.data.drain_to(to.fd, to.piece) == system::Spool::Output::blocked) {
            return system::Spool::Output::blocked;
        }
    }
    return system::Spool::Output::done;
}

void Printer::wait_for(Target* blocked) {
    if (watched_ == blocked) return;
    if (watched_ != nullptr) loop_.remove(watched_->fd, *this);
    watched_ = blocked;
    if (watched_ != nullptr) loop_.add(watched_->fd, EPOLLOUT, *this);
}

void Printer::abandon() {
    abandoned_ = true;
    std::erase_if(items_, [](const Item& item) { return !item.own_words; });
    waiting_bytes_ = 0;
    for (const Item& item : items_) waiting_bytes_ += item.data.size();
    wait_for(nullptr);
    if (!items_.empty() && !writing_) write_waiting();
}

void Printer::give_up() {
    items_.clear();
    abandon();
}

}  // namespace haid::command
