#include "system/spool.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "failing_calls.hpp"
#include "system/error.hpp"

namespace haid::system {
namespace {

std::string bytes(std::size_t size, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(random());
    return text;
}

// What a non-blocking read end holds at the moment.
std::string read_waiting(int fd) {
    std::string text;
    char buffer[65536];
    for (ssize_t size; (size = uninterrupted([&] { return ::read(fd, buffer, sizeof buffer); })) > 0;)
        text.append(buffer, static_cast<std::size_t>(size));
    return text;
}

class SpoolTest : public testing::Test {
  protected:
    SpoolTest() {
        ::fcntl(pipe_.write.get(), F_SETFL, O_NONBLOCK);
        capacity_ = static_cast<std::size_t>(::fcntl(pipe_.write.get(), F_GETPIPE_SZ));
    }
    void send(const std::string& text) {
        ASSERT_EQ(::write(pipe_.write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    // All that a spool passes on, by draining and reading in turn.
    std::string drained(Spool& spool, std::size_t piece = 1 << 20) {
        std::string text;
        while (spool.drain_to(pipe_.write.get(), piece) == Spool::Output::blocked)
            text += read_waiting(pipe_.read.get());
        return text + read_waiting(pipe_.read.get());
    }

    std::string folder_ = testing::TempDir();
    Pipe pipe_ = make_pipe();
    std::size_t capacity_ = 0;
};

TEST_F(SpoolTest, KeepsInMemoryWhatFits) {
    SpoolStore store(folder_, 1000);
    Spool spool(store);
    EXPECT_TRUE(spool.empty());
    spool.append("abc");
    spool.append("");
    spool.append("def");
    EXPECT_EQ(spool.text(), "abcdef");
    EXPECT_EQ(spool.size(), 6u);
    EXPECT_FALSE(spool.spilled());
    EXPECT_EQ(drained(spool), "abcdef");
    EXPECT_TRUE(spool.empty());
}

TEST_F(SpoolTest, SpillsWhatDoesNotFitAndKeepsTheOrder) {
    SpoolStore store(folder_, 10'000);
    Spool spool(store);
    std::string all;
    for (unsigned i = 0; i < 50; ++i) {
        std::string piece = bytes(997, i);
        spool.append(piece);
        all += piece;
    }
    spool.append("x");  // would fit into what is left of the memory, but stands behind what is in the file
    EXPECT_TRUE(spool.spilled());
    EXPECT_EQ(spool.size(), all.size() + 1);
    EXPECT_TRUE(spool.text() == all + "x");
    EXPECT_TRUE(drained(spool) == all + "x");
}

TEST_F(SpoolTest, GivesItsMemoryBack) {
    SpoolStore store(folder_, 1000);
    Spool second(store);
    {
        Spool first(store);
        first.append(bytes(900));
        Spool moved = std::move(first);
        EXPECT_TRUE(first.empty()) << "what is left of it must be a spool";
        EXPECT_EQ(moved.size(), 900u);
        second = Spool(store);
        second.append(bytes(200));
        EXPECT_TRUE(second.spilled()) << "the memory is shared";
        EXPECT_EQ(drained(moved), bytes(900));
        Spool third(store);
        third.append(bytes(1000));
        EXPECT_FALSE(third.spilled()) << "what was passed on needs no memory";
    }
    Spool fourth(store);
    fourth.append(bytes(1000));
    EXPECT_FALSE(fourth.spilled());
}

TEST_F(SpoolTest, WritesNoMoreThanAPieceAtATime) {
    static std::size_t largest;
    largest = 0;
    const CallInstead<SystemCall::write> watched([](int fd, const void* data, std::size_t size) {
        largest = std::max(largest, size);
        return ::write(fd, data, size);
    });
    SpoolStore store(folder_, 1 << 20);
    Spool spool(store);
    std::string all = bytes(10'000);
    spool.append(all);
    EXPECT_EQ(spool.drain_once(pipe_.write.get(), 512), Spool::Output::done);
    EXPECT_EQ(spool.size(), all.size() - 512);
    EXPECT_EQ(spool.text(), all.substr(512));
    EXPECT_EQ(drained(spool, 512), all);
    EXPECT_EQ(largest, 512u);
}

TEST_F(SpoolTest, StopsWhereThePipeIsFullAndGoesOnLater) {
    for (std::size_t memory : {std::size_t{1} << 24, std::size_t{100'000}, std::size_t{0}}) {
        SpoolStore store(folder_, memory);
        Spool spool(store);
        std::string all = bytes(5 * capacity_ + 77);
        for (std::size_t at = 0; at < all.size(); at += 30'000) spool.append(std::string_view(all).substr(at, 30'000));
        ASSERT_EQ(spool.drain_to(pipe_.write.get(), 1 << 20), Spool::Output::blocked) << memory;
        EXPECT_LT(spool.size(), all.size());
        spool.append("end");
        EXPECT_TRUE(drained(spool) == all + "end") << memory;
        EXPECT_TRUE(spool.empty());
    }
}

TEST_F(SpoolTest, ForEachGivesTheRestAndKeepsIt) {
    SpoolStore store(folder_, 6);
    Spool spool(store);
    spool.append("abcdef");
    spool.append("ghi");
    spool.drain_once(pipe_.write.get(), 2);
    for (int i = 0; i < 2; ++i) {
        std::string seen;
        spool.for_each([&](std::string_view piece) { seen += piece; });
        EXPECT_EQ(seen, "cdefghi");
    }
}

TEST_F(SpoolTest, TakesWhatAPipeHolds) {
    for (std::size_t memory : {std::size_t{1} << 20, std::size_t{1000}, std::size_t{0}}) {
        Pipe source = make_pipe();
        SpoolStore store(folder_, memory);
        Spool spool(store);
        EXPECT_EQ(spool.fill_from(source.read.get(), 1 << 20), Spool::Input::open) << "nothing is there yet";
        EXPECT_TRUE(spool.empty());
        std::string all;
        for (unsigned i = 0; i < 5; ++i) {
            std::string piece = bytes(3000, i);
            write_all(source.write.get(), piece, "the pipe");
            EXPECT_EQ(spool.fill_from(source.read.get(), 1 << 20), Spool::Input::open);
            all += piece;
            EXPECT_TRUE(spool.text() == all) << "with memory " << memory;
        }
        EXPECT_EQ(spool.spilled(), memory < all.size());
        source.write.close();
        EXPECT_EQ(spool.fill_from(source.read.get(), 1 << 20), Spool::Input::ended);
        EXPECT_TRUE(drained(spool) == all);
    }
}

TEST_F(SpoolTest, TakesNoMoreThanTheLimit) {
    for (std::size_t memory : {std::size_t{1} << 20, std::size_t{0}}) {
        Pipe source = make_pipe();
        SpoolStore store(folder_, memory);
        Spool spool(store);
        if (memory == 0) spool.append("spilled");
        std::uint64_t before = spool.size();
        write_all(source.write.get(), bytes(5000), "the pipe");
        EXPECT_EQ(spool.fill_from(source.read.get(), 1000), Spool::Input::open);
        EXPECT_LE(spool.size() - before, 1000u) << "with memory " << memory;
    }
}

TEST_F(SpoolTest, ReadsWhereTheFileSystemCannotSplice) {
    const FailingCall splice(SystemCall::splice, EINVAL, {.times = FailingCall::always});
    const FailingCall sendfile(SystemCall::sendfile, EINVAL, {.times = FailingCall::always});
    SpoolStore store(folder_, 0);
    Spool spool(store);
    spool.append("first,");
    Pipe source = make_pipe();
    write_all(source.write.get(), "second", "the pipe");
    EXPECT_EQ(spool.fill_from(source.read.get(), 1 << 20), Spool::Input::open);
    EXPECT_EQ(spool.text(), "first,second");
    EXPECT_EQ(drained(spool, 4), "first,second");
}

TEST_F(SpoolTest, LosesNothingThroughShortAndInterruptedCalls) {
    static std::mt19937 random(10);
    const CallInstead<SystemCall::write> little_is_written([](int fd, const void* data, std::size_t size) {
        if (random() % 4 == 0) return errno = EINTR, ssize_t{-1};
        return ::write(fd, data, std::min<std::size_t>(size, 1 + random() % 100));
    });
    const CallInstead<SystemCall::read> little_is_read([](int fd, void* data, std::size_t size) {
        if (random() % 4 == 0) return errno = EINTR, ssize_t{-1};
        return ::read(fd, data, std::min<std::size_t>(size, 1 + random() % 100));
    });
    for (std::size_t memory : {std::size_t{1} << 20, std::size_t{500}, std::size_t{0}}) {
        SpoolStore store(folder_, memory);
        Spool spool(store);
        Pipe source = make_pipe();
        std::string all;
        for (unsigned i = 0; i < 20; ++i) {
            std::string piece = bytes(random() % 300, i);
            spool.append(piece);
            all += piece;
            std::string piped = bytes(1 + random() % 300, i + 100);
            write_all(source.write.get(), piped, "the pipe");
            for (std::uint64_t wanted = all.size() + piped.size(); spool.size() < wanted;) {
                ASSERT_EQ(spool.fill_from(source.read.get(), 1 << 20), Spool::Input::open);
            }
            all += piped;
        }
        EXPECT_TRUE(spool.text() == all) << "with memory " << memory;
        EXPECT_TRUE(drained(spool, 64) == all) << "with memory " << memory;
    }
}

TEST_F(SpoolTest, AFullDiskIsAFaultThatNamesTheFolder) {
    SpoolStore store(folder_, 0);
    Spool spool(store);
    const FailingCall splice(SystemCall::splice, ENOSPC);
    auto expect_fault = [&](auto action) {
        try {
            action();
            ADD_FAILURE() << "no fault";
        } catch (const SystemError& error) {
            EXPECT_EQ(error.error(), ENOSPC);
            EXPECT_NE(std::string(error.what()).find(folder_), std::string::npos) << error.what();
        }
    };
    {
        const FailingCall write(SystemCall::write, ENOSPC);
        expect_fault([&] { spool.append("x"); });
    }
    Pipe source = make_pipe();
    ASSERT_EQ(::write(source.write.get(), "y", 1), 1);
    expect_fault([&] { spool.fill_from(source.read.get(), 100); });
}

TEST_F(SpoolTest, WhatCannotBeReadBackSaysWhy) {
    SpoolStore store(folder_, 0);
    Spool spool(store);
    spool.append("x");
    const auto expect_fault = [](auto action) {
        const FailingCall pread(SystemCall::pread, ESTALE);
        try {
            action();
            ADD_FAILURE() << "no fault";
        } catch (const SystemError& error) {
            EXPECT_EQ(error.error(), ESTALE);
        }
    };
    expect_fault([&] { spool.text(); });
    expect_fault([&] { spool.last(); });
    expect_fault([&] { spool.take(1); });
    const FailingCall sendfile(SystemCall::sendfile, EINVAL);
    expect_fault([&] { spool.drain_to(pipe_.write.get(), 1); });
    EXPECT_EQ(drained(spool), "x");
}

TEST_F(SpoolTest, AFolderThatDoesNotExistIsAFaultThatNamesIt) {
    SpoolStore store("/nonexistent/folder", 0);
    Spool spool(store);
    try {
        spool.append("x");
        ADD_FAILURE() << "no fault";
    } catch (const SystemError& error) {
        EXPECT_NE(std::string(error.what()).find("/nonexistent/folder"), std::string::npos) << error.what();
    }
}

TEST_F(SpoolTest, AReaderThatHasGoneIsAFault) {
    SpoolStore store(folder_, 100);
    Spool spool(store);
    spool.append("x");
    const FailingCall write(SystemCall::write, EPIPE);
    try {
        spool.drain_to(pipe_.write.get(), 100);
        ADD_FAILURE() << "no fault";
    } catch (const SystemError& error) {
        EXPECT_EQ(error.error(), EPIPE);
    }
    EXPECT_EQ(spool.text(), "x");
}

}  // namespace
}  // namespace haid::system
