#include "command/output/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>

#include "failing_calls.hpp"
#include "redirected.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

using namespace std::chrono_literals;

// An Output that prints into files. The actions of a test are given as a function, so that its assertions come later.
class OutputTest : public testing::Test {
  public:
    struct Printed {
        std::string output, error;
    };

    Printed print(OutputSettings settings, const std::function<void(OutputTest&)>& actions) {
        system::Descriptor output = system::unlinked_file(testing::TempDir());
        system::Descriptor error = system::unlinked_file(testing::TempDir());
        delivered_.clear();
        {
            Redirected redirected(output.get(), error.get());
            system::EventLoop loop;
            Printer printer(loop, store_);
            Output made(settings, printer, store_, deliver());
            output_ = &made;
            printer_ = &printer;
            seen_ = [&] { return content(output.get()); };
            actions(*this);
            output_ = nullptr;
        }
        return {content(output.get()), content(error.get())};
    }

    // All that comes through the pipe until the printer is idle, by a reader who leaves it full at first.
    static std::string read_slowly(int pipe, Printer& printer, system::EventLoop& loop) {
        std::string read;
        char buffer[65536];
        auto take = [&] {
            for (ssize_t size; (size = ::read(pipe, buffer, sizeof buffer)) > 0;) {
                read.append(buffer, static_cast<std::size_t>(size));
            }
        };
        for (; !printer.idle(); loop.wait(system::Clock::now() + 10ms)) take();
        take();
        return read;
    }

    Output::Delivered deliver() {
        return [this](const FinishedJob& finished) {
            const std::uint64_t sequence = finished.job.sequence;
            if (finished.job.line != job(sequence).line) throw std::logic_error("delivered as another job");
            delivered_.push_back(sequence);
            if (when_delivered_) when_delivered_(sequence);
        };
    }
    static Job job(std::uint64_t sequence) {
        Job job;
        job.sequence = sequence;
        job.line = "command " + std::to_string(sequence);
        return job;
    }
    void start(std::uint64_t sequence, const std::string& tag = "") { output_->started(job(sequence), tag); }
    void finish(std::uint64_t sequence, const std::string& output = "", const std::string& error = "") {
        FinishedJob finished{job(sequence), {{}, 0, 0, {}, system::Spool(store_), system::Spool(store_)}};
        finished.end.output.append(output);
        finished.end.error.append(error);
        output_->finished(std::move(finished));
    }
    void stream(std::uint64_t sequence, const std::string& text, Stream where = Stream::output) {
        output_->streamed(sequence, where, text);
    }

    system::SpoolStore store_{testing::TempDir(), 1000};
    std::vector<std::uint64_t> delivered_;
    std::function<void(std::uint64_t)> when_delivered_;
    Printer* printer_ = nullptr;
    std::function<std::string()> seen_;
    Output* output_ = nullptr;
};

constexpr OutputSettings as_they_end{};
constexpr OutputSettings in_order{true, false, false};
constexpr OutputSettings by_line{false, true, false};
constexpr OutputSettings by_line_in_order{true, true, false};

TEST_F(OutputTest, PrintsWholeJobsAsTheyEnd) {
    Printed printed = print(as_they_end, [](OutputTest& t) {
        for (std::uint64_t i = 1; i <= 3; ++i) t.start(i);
        t.finish(3, "three\n", "three failed\n");
        t.finish(1, "one without an end");
        t.finish(2);
    });
    EXPECT_EQ(printed.output, "three\none without an end");
    EXPECT_EQ(printed.error, "three failed\n");
    EXPECT_EQ(delivered_, (std::vector<std::uint64_t>{3, 1, 2}));
}

TEST_F(OutputTest, KeepsTheOrderOfTheInputs) {
    std::string early;
    Printed printed = print(in_order, [&](OutputTest& t) {
        for (std::uint64_t i = 1; i <= 4; ++i) t.start(i);
        t.finish(3, "3\n", "e3\n");
        t.finish(2, "2\n");
        early = t.seen_();
        t.finish(1, "1\n", "e1\n");
        t.finish(4, "4\n");
    });
    EXPECT_EQ(early, "");
    EXPECT_EQ(printed.output, "1\n2\n3\n4\n");
    EXPECT_EQ(printed.error, "e1\ne3\n");
    EXPECT_EQ(delivered_, (std::vector<std::uint64_t>{1, 2, 3, 4}));
}

TEST_F(OutputTest, DoesNotWaitForAJobThatIsGone) {
    Printed printed = print(in_order, [](OutputTest& t) {
        t.output_->gone(1);
        t.start(2);
        t.start(4);
        t.finish(4, "4\n");
        t.output_->gone(3);
        t.finish(2, "2\n");
    });
    EXPECT_EQ(printed.output, "2\n4\n");
    EXPECT_EQ(delivered_, (std::vector<std::uint64_t>{2, 4}));
}

TEST_F(OutputTest, FlushPrintsWhatWaitsForATurnThatNeverComes) {
    Printed printed = print(in_order, [](OutputTest& t) {
        for (std::uint64_t i = 1; i <= 5; ++i) t.start(i);
        t.finish(5, "5\n");
        t.finish(3, "3\n");
        t.output_->flush();
    });
    EXPECT_EQ(printed.output, "3\n5\n");
    EXPECT_EQ(delivered_, (std::vector<std::uint64_t>{3, 5}));
}

TEST_F(OutputTest, PrintsLinesAsTheyComeAndNeverPartsOfThem) {
    std::vector<std::string> seen;
    Printed printed = print(by_line, [&](OutputTest& t) {
        t.start(1);
        t.start(2);
        t.stream(1, "one ");
        t.stream(2, "two\nand ");
        seen.push_back(t.seen_());
        t.stream(1, "line\n");
        seen.push_back(t.seen_());
        t.finish(2, "", "");
        t.stream(1, "end", Stream::error);
        t.finish(1);
    });
    EXPECT_EQ(seen, (std::vector<std::string>{"two\n", "two\none line\n"}));
    EXPECT_EQ(printed.output, "two\none line\nand ") << "what is left of a line comes with the job's end";
    EXPECT_EQ(printed.error, "end");
}

TEST_F(OutputTest, LinesWaitForTheirTurnInOrder) {
    std::vector<std::string> seen;
    Printed printed = print(by_line_in_order, [&](OutputTest& t) {
        t.start(1);
        t.start(2);
        t.stream(2, "two\nhalf");
        t.stream(2, "e2\n", Stream::error);
        t.stream(1, "one\n");
        seen.push_back(t.seen_());
        t.finish(1);
        seen.push_back(t.seen_());
        t.stream(2, "way\n");
        t.finish(2);
    });
    EXPECT_EQ(seen, (std::vector<std::string>{"one\n", "one\ntwo\n"})) << "from its turn on, lines come at once";
    EXPECT_EQ(printed.output, "one\ntwo\nhalfway\n");
    EXPECT_EQ(printed.error, "e2\n");
}

TEST_F(OutputTest, AFinishedJobsLinesComeInOrder) {
    Printed printed = print(by_line_in_order, [](OutputTest& t) {
        for (std::uint64_t i = 1; i <= 3; ++i) t.start(i);
        t.stream(3, "three\npart");
        t.finish(3);
        t.stream(2, "two\n");
        t.output_->gone(1);
        t.finish(2);
    });
    EXPECT_EQ(printed.output, "two\nthree\npart");
}

TEST_F(OutputTest, TagsEveryLineOfBothStreams) {
    Printed printed = print(as_they_end, [](OutputTest& t) {
        t.start(1, "t1\t");
        t.finish(1, "a\nb\n", "c\n");
    });
    EXPECT_EQ(printed.output, "t1\ta\nt1\tb\n");
    EXPECT_EQ(printed.error, "t1\tc\n");
    printed = print(by_line, [](OutputTest& t) {
        t.start(1, "t1\t");
        t.stream(1, "a\nb");
        t.finish(1);
    });
    EXPECT_EQ(printed.output, "t1\ta\nt1\tb");
}

TEST_F(OutputTest, ShowsTheCommandBeforeItsOutput) {
    Printed printed = print({false, false, true}, [](OutputTest& t) {
        t.start(1);
        t.start(2);
        t.finish(2, "2\n");
        t.finish(1);
    });
    EXPECT_EQ(printed.output, "command 2\n2\ncommand 1\n");
    printed = print({true, true, true}, [](OutputTest& t) {
        t.start(1);
        t.start(2);
        t.stream(2, "2\n");
        t.finish(1);
        t.finish(2);
    });
    EXPECT_EQ(printed.output, "command 1\ncommand 2\n2\n");
}

TEST_F(OutputTest, AnotherAttemptBeginsWithoutTheRestOfALine) {
    Printed printed = print(by_line, [](OutputTest& t) {
        t.start(1);
        t.stream(1, "first\nhalf a li");
        t.start(1);
        t.stream(1, "second\n");
        t.finish(1);
    });
    EXPECT_EQ(printed.output, "first\nsecond\n");
}

TEST_F(OutputTest, OutputThatDoesNotFitIntoMemoryComesWhole) {
    std::string large(300'000, 'x');
    Printed printed = print(in_order, [&](OutputTest& t) {
        t.start(1, "");
        t.start(2, "t:");
        t.finish(2, large + "\n");
        t.finish(1, large);
    });
    EXPECT_TRUE(printed.output == large + "t:" + large + "\n");
}

TEST_F(OutputTest, ManyFilesThatWaitForTheirTurnAreCongestion) {
    bool congested = false, later = true;
    std::string large(2000, 'x');
    print(in_order, [&](OutputTest& t) {
        t.start(1);
        for (std::uint64_t i = 2; i < 400; ++i) {
            t.start(i);
            t.finish(i, large);
        }
        congested = t.output_->congested();
        t.finish(1);
        later = t.output_->congested();
    });
    EXPECT_TRUE(congested);
    EXPECT_FALSE(later);
}

TEST_F(OutputTest, TakesWhatTheJobWhoseTurnItIsHasSoFar) {
    std::string early;
    std::uint64_t first_left = 1, second_left = 0;
    Printed printed = print(in_order, [&](OutputTest& t) {
        t.start(1, "t:");
        t.start(2);
        system::Spool first(t.store_), second(t.store_);
        first.append("a\nhalf ");
        second.append("b\n");
        t.output_->offer(2, second);
        t.output_->offer(1, first);
        early = t.seen_();
        first_left = first.size();
        second_left = second.size();
        t.finish(2, second.text());
        t.finish(1, "a line\n");
    });
    EXPECT_EQ(early, "t:a\nt:half ");
    EXPECT_EQ(first_left, 0u);
    EXPECT_EQ(second_left, 2u) << "it is not its turn";
    EXPECT_EQ(printed.output, "t:a\nt:half a line\nb\n");
}

TEST_F(OutputTest, PassesAPipeOnToAPipeWithoutACopy) {
    system::Pipe pipe = system::make_pipe(), first = system::make_pipe(), second = system::make_pipe();
    system::Descriptor error = system::unlinked_file(testing::TempDir());
    std::optional<std::size_t> passed, out_of_turn, at_end;
    {
        Redirected redirected(pipe.write.get(), error.get());
        system::EventLoop loop;
        Printer printer(loop, store_);
        Output made({true, false, true}, printer, store_, deliver());
        output_ = &made;
        start(1);
        start(2);
        system::write_all(first.write.get(), "one\n", "the pipe");
        system::write_all(second.write.get(), "two\n", "the pipe");
        first.write.close();
        out_of_turn = made.pass_on(2, second.read.get(), 1000);
        passed = made.pass_on(1, first.read.get(), 1000);
        at_end = made.pass_on(1, first.read.get(), 1000);
        finish(1);
    }
    char buffer[100];
    ssize_t size = ::read(pipe.read.get(), buffer, sizeof buffer);
    ASSERT_GT(size, 0);
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(size)), "command 1\none\n");
    EXPECT_EQ(out_of_turn, std::nullopt);
    EXPECT_EQ(passed, 4u);
    EXPECT_EQ(at_end, 0u);
}

TEST_F(OutputTest, AReaderThatIsSlowDelaysDeliveryAndLosesNothing) {
    system::Pipe pipe = system::make_pipe();
    system::Descriptor error = system::unlinked_file(testing::TempDir());
    std::string large, read;
    bool delivered_early = true;
    int flags = ::fcntl(pipe.write.get(), F_GETFL);
    int flags_after = 0;
    {
        Redirected redirected(pipe.write.get(), error.get());
        system::EventLoop loop;
        Printer printer(loop, store_);
        Output made(as_they_end, printer, store_, deliver());
        output_ = &made;
        large.assign(2 * static_cast<std::size_t>(::fcntl(pipe.write.get(), F_GETPIPE_SZ)), 'x');
        start(1);
        finish(1, large + "end\n", "after it\n");
        delivered_early = !delivered_.empty();
        flags_after = ::fcntl(pipe.write.get(), F_GETFL);
        read = read_slowly(pipe.read.get(), printer, loop);
    }
    EXPECT_FALSE(delivered_early);
    EXPECT_EQ(delivered_, std::vector<std::uint64_t>{1});
    EXPECT_TRUE(read == large + "end\n");
    EXPECT_EQ(content(error.get()), "after it\n");
    EXPECT_EQ(flags, flags_after) << "whoever shares the pipe must not notice";
}

TEST_F(OutputTest, WhatIsPrintedAtADeliveryComesBeforeTheNextJobs) {
    when_delivered_ = [this](std::uint64_t sequence) {
        for (const char* part : {"delivered ", sequence == 1 ? "one\n" : "two\n"})
            printer_->print(Stream::output, part);
    };
    std::string large, read;
    system::Pipe pipe = system::make_pipe();
    {
        Redirected redirected(pipe.write.get(), pipe.write.get());
        system::EventLoop loop;
        Printer printer(loop, store_);
        printer_ = &printer;
        Output made(as_they_end, printer, store_, deliver());
        output_ = &made;
        large.assign(2 * static_cast<std::size_t>(::fcntl(pipe.write.get(), F_GETPIPE_SZ)), 'x');
        for (std::uint64_t sequence : {1, 2}) start(sequence);
        finish(1, large + "\n");
        finish(2, "2\n");
        read = read_slowly(pipe.read.get(), printer, loop);
    }
    EXPECT_EQ(read.substr(large.size()), "\ndelivered one\n2\ndelivered two\n");
}

TEST_F(OutputTest, AfterAFaultItSaysWhatWasNotDelivered) {
    std::vector<std::uint64_t> left;
    print(in_order, [&](OutputTest& t) {
        for (std::uint64_t sequence : {1, 2, 3}) t.start(sequence);
        t.finish(1, "1\n");
        t.finish(3, "3\n");
        const FailingCall write(SystemCall::write, ENOSPC);
        EXPECT_THROW(t.finish(2, "2\n"), system::SystemError);
        t.printer_->abandon();
        for (const FinishedJob& one : t.output_->take_undelivered()) left.push_back(one.job.sequence);
        EXPECT_TRUE(t.output_->take_undelivered().empty());
    });
    EXPECT_EQ(delivered_, std::vector<std::uint64_t>{1});
    EXPECT_EQ(left, (std::vector<std::uint64_t>{2, 3}));
}

TEST_F(OutputTest, AFullDiskIsAFaultThatNamesTheStreamAndDeliversNothing) {
    std::string message;
    print(as_they_end, [&](OutputTest& t) {
        t.start(1);
        const FailingCall write(SystemCall::write, ENOSPC);
        try {
            t.finish(1, "x\n");
        } catch (const system::SystemError& error) {
            message = error.what();
        }
    });
    EXPECT_NE(message.find("standard output"), std::string::npos) << message;
    EXPECT_TRUE(delivered_.empty());
}

}  // namespace
}  // namespace haid::command
