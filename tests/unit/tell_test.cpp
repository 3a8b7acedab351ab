#include "system/tell.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <string>

#include "redirected.hpp"
#include "system/descriptor.hpp"

namespace haid::system {
namespace {

std::string read_now(int fd) {
    std::string text(1 << 20, '\0');
    const ssize_t size = ::read(fd, text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
}

TEST(Tell, WritesTheWholeText) {
    Pipe pipe = make_pipe();
    const std::string much(10'000, 'x');
    {
        Redirected redirected(STDOUT_FILENO, pipe.write.get());
        tell("{}: {}\n", much, 1);
    }
    std::string text;
    while (text.size() < much.size() + 4) text += read_now(pipe.read.get());
    EXPECT_EQ(text, much + ": 1\n");
}

TEST(Tell, AReaderThatTakesNothingIsNotWaitedForForEver) {
    ::alarm(20);
    Pipe pipe = make_pipe();
    const std::string full(static_cast<std::size_t>(::fcntl(pipe.write.get(), F_GETPIPE_SZ)), 'x');
    ASSERT_EQ(::write(pipe.write.get(), full.data(), full.size()), static_cast<ssize_t>(full.size()));
    {
        Redirected redirected(STDOUT_FILENO, pipe.write.get());
        tell("nobody hears this\n");
    }
    EXPECT_EQ(read_now(pipe.read.get()), full);
    ::alarm(0);
}

}  // namespace
}  // namespace haid::system
