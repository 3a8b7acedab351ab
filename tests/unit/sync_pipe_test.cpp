#include "haid/pipe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <system_error>
#include <vector>

#include "haid/error.hpp"
#include "sync_fixture.hpp"

namespace haid {
namespace {

using namespace std::chrono_literals;

class PipeTest : public SyncTest {};

TEST_F(PipeTest, CarriesValuesBothWays) {
    auto [mine, theirs] = Pipe();
    const pid_t child = start([&] {
        mine.close();
        const auto text = theirs.recv<std::string>();
        theirs.send(std::vector<int>{1, 2, 3});
        theirs.send(static_cast<int>(text.size()));
        return 0;
    });
    theirs.close();
    mine.send(std::string("hello"));
    EXPECT_EQ(mine.recv<std::vector<int>>(), (std::vector{1, 2, 3}));
    EXPECT_EQ(mine.recv<int>(), 5);
    EXPECT_EQ(end(child), 0);
    EXPECT_THROW(mine.recv<int>(), EndOfFile);
    EXPECT_THROW(mine.recv<int>(), EndOfFile);
    EXPECT_THROW(mine.send(1), EndOfFile) << "an error, not a SIGPIPE";
}

TEST_F(PipeTest, OneWayHasADirection) {
    auto [receiver, sender] = Pipe(false);
    EXPECT_TRUE(receiver.readable() && !receiver.writable());
    EXPECT_TRUE(!sender.readable() && sender.writable());
    sender.send(1.5);
    EXPECT_EQ(receiver.recv<double>(), 1.5);
    EXPECT_THROW(receiver.send(1), Error);
    EXPECT_THROW(sender.recv<int>(), Error);
    EXPECT_THROW(sender.poll(), Error);
}

TEST_F(PipeTest, CarriesLargeMessages) {
    auto [mine, theirs] = Pipe();
    constexpr std::size_t size = 100'000'000;
    const pid_t child = start([&] {
        mine.close();
        theirs.send(theirs.recv<std::string>());
        return 0;
    });
    theirs.close();
    std::string large(size, 'x');
    large[size / 2] = 'y';
    mine.send(large);
    EXPECT_TRUE(mine.recv<std::string>() == large);
    EXPECT_EQ(end(child), 0);
}

TEST_F(PipeTest, WhatWasSentBeforeTheEndArrives) {
    auto [mine, theirs] = Pipe();
    const pid_t child = start([&] {
        for (int i = 0; i < 100; ++i) theirs.send(i);
        return 0;
    });
    theirs.close();
    EXPECT_EQ(end(child), 0);
    EXPECT_THROW(mine.send(1), EndOfFile);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(mine.recv<int>(), i);
    EXPECT_THROW(mine.recv<int>(), EndOfFile);
}

TEST_F(PipeTest, AnEndWithSomethingUnreadIsAnEndToo) {
    auto [mine, theirs] = Pipe();
    mine.send(1);
    theirs.close();
    EXPECT_THROW(mine.recv<int>(), EndOfFile);
    EXPECT_THROW(mine.send(1), EndOfFile);
}

TEST_F(PipeTest, AMessageThatIsCutOffIsAnErrorThatSaysSo) {
    auto [mine, theirs] = Pipe();
    const pid_t child = start([&] {
        mine.close();
        theirs.send(std::string(10'000'000, 'x'));
        return 0;
    });
    theirs.close();
    EXPECT_TRUE(mine.poll(1h));
    until_asleep(child);
    kill(child);
    try {
        mine.recv<std::string>();
        FAIL();
    } catch (const EndOfFile&) {
        FAIL() << "not an end in order";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("middle of a message"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("of 10000008 bytes"), std::string::npos) << error.what();
    }
}

TEST_F(PipeTest, EvenItsLengthMayBeCutOff) {
    auto [mine, theirs] = Pipe();
    ASSERT_EQ(::send(theirs.fileno(), "abc", 3, 0), 3);
    theirs.close();
    EXPECT_THROW(
        {
            try {
                mine.recv<int>();
            } catch (const EndOfFile&) {
            }
        },
        Error);
}

TEST_F(PipeTest, ALengthThatCannotBeIsAnError) {
    auto [mine, theirs] = Pipe();
    ASSERT_EQ(::send(theirs.fileno(), "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 0), 8);
    EXPECT_THROW(mine.recv<int>(), Error);
}

TEST_F(PipeTest, AMessageOfAnotherTypeIsAnErrorAndGone) {
    auto [mine, theirs] = Pipe();
    theirs.send(std::string("long enough"));
    theirs.send(5);
    EXPECT_THROW(mine.recv<int>(), DecodeError);
    EXPECT_EQ(mine.recv<int>(), 5);
}

TEST_F(PipeTest, PollSaysWhetherThereIsSomething) {
    auto [mine, theirs] = Pipe();
    EXPECT_FALSE(mine.poll());
    const Stopwatch watch;
    EXPECT_FALSE(mine.poll(20ms));
    EXPECT_GE(watch.elapsed(), 20ms);
    EXPECT_FALSE(mine.poll(-1s));
    theirs.send(1);
    EXPECT_TRUE(mine.poll());
    EXPECT_TRUE(mine.poll(std::chrono::hours::max()));
    mine.recv<int>();
    theirs.close();
    EXPECT_TRUE(mine.poll()) << "the end is something to be told";
}

TEST_F(PipeTest, SignalsDoNotEndAWait) {
    auto [mine, theirs] = Pipe();
    const Interruptions interruptions;
    const pid_t child = start([&] {
        if (!theirs.poll(1h)) return 1;
        const auto text = theirs.recv<std::string>();
        theirs.send(text);
        return theirs.recv<int>();
    });
    Interruptions::interrupt(child, until_asleep);
    mine.send(std::string(5'000'000, 'x'));
    Interruptions::interrupt(child, until_asleep);  // it waits to be read
    EXPECT_EQ(mine.recv<std::string>().size(), 5'000'000U);
    Interruptions::interrupt(child, until_asleep);
    mine.send(0);
    EXPECT_EQ(end(child), 0);
}

TEST_F(PipeTest, WorksWhereSomebodyMadeItNonBlocking) {
    auto [mine, theirs] = Pipe();
    for (const int fd : {mine.fileno(), theirs.fileno()}) ASSERT_EQ(::fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    const pid_t child = start([&] {
        theirs.send(theirs.recv<std::string>());
        return 0;
    });
    until_asleep(child);
    mine.send(std::string(5'000'000, 'x'));
    EXPECT_EQ(mine.recv<std::string>().size(), 5'000'000U);
    EXPECT_EQ(end(child), 0);
}

TEST_F(PipeTest, EndsAreMovedAndClosed) {
    auto ends = Pipe();
    Connection moved = std::move(ends.first);
    moved.send(1);
    EXPECT_EQ(ends.second.recv<int>(), 1);
    ends.first = std::move(moved);
    const int fd = ends.first.fileno();
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
    ends.first.close();
    ends.first.close();
    EXPECT_TRUE(ends.first.closed());
    EXPECT_EQ(ends.first.fileno(), -1);
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
    EXPECT_THROW(ends.first.send(1), Error);
    EXPECT_THROW(ends.first.poll(), Error);
    EXPECT_THROW(ends.second.recv<int>(), EndOfFile);
}

}  // namespace
}  // namespace haid
