#include "command/job_log.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "failing_calls.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

const std::string header = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

std::string line(int sequence, int status, int signal, const std::string& command) {
    return std::to_string(sequence) + "\t:\t1700000000.000\t     1.000\t0\t5\t" + std::to_string(status) + "\t" +
           std::to_string(signal) + "\t" + command + "\n";
}

// Of a job that ran here for a second, and wrote five bytes.
schedule::Ending ending(std::uint64_t sequence, std::string_view command, int status, int signal = 0) {
    return {.which = sequence,
            .delivered = true,
            .command = command,
            .host = ":",
            .start = 1700000000,
            .took = std::chrono::seconds(1),
            .exit_status = status,
            .signal = signal,
            .output_bytes = 5};
}

void never() {
    ADD_FAILURE() << "nobody holds the lock";
}

class JobLogTest : public testing::Test {
  protected:
    JobLogTest() {
        folder_ = testing::TempDir() + "haid-log-XXXXXX";
        if (!::mkdtemp(folder_.data())) throw std::runtime_error("mkdtemp failed");
        path_ = folder_ + "/log";
    }
    ~JobLogTest() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }
    std::string text() {
        std::ostringstream all;
        all << std::ifstream(path_, std::ios::binary).rdbuf();
        return all.str();
    }
    JobLog open(Resume resume, bool append = false) { return JobLog(path_, resume, append, never); }

    std::string folder_, path_;
};

TEST_F(JobLogTest, BeginsWithAHeader) {
    open(Resume::no);
    EXPECT_EQ(text(), header);
}

TEST_F(JobLogTest, WritesALineForEachJob) {
    JobLog log = open(Resume::no);
    log.on_ending(ending(1, "echo a", 0));
    EXPECT_EQ(text(), header + line(1, 0, 0, "echo a")) << "at once";
    log.on_ending(ending(3, "echo b\tc", 7));
    log.on_ending(ending(2, "sleep 9", 0, 15));
    log.on_ending(ending(4, "slow", -1));
    EXPECT_EQ(text(), header + line(1, 0, 0, "echo a") + line(3, 7, 0, "echo b\tc") + line(2, 0, 15, "sleep 9") +
                          line(4, -1, 0, "slow"));
}

TEST_F(JobLogTest, BeginsAnewUnlessToldOtherwise) {
    write(header + line(1, 0, 0, "old"));
    JobLog log = open(Resume::no);
    EXPECT_EQ(text(), header);
    EXPECT_EQ(log.past().size(), 0u);
}

TEST_F(JobLogTest, AppendsOnRequest) {
    write(header + line(1, 0, 0, "old"));
    open(Resume::no, true).on_ending(ending(1, "new", 0));
    EXPECT_EQ(text(), header + line(1, 0, 0, "old") + line(1, 0, 0, "new"));
}

TEST_F(JobLogTest, KnowsWhatAnEarlierRunHasDone) {
    write(header + line(1, 0, 0, "a") + line(2, 3, 0, "b") + line(4, 0, 9, "d"));
    JobLog log = open(Resume::all);
    PastJobs& past = log.past();
    ASSERT_TRUE(past.find(1) && past.find(2) && past.find(4));
    EXPECT_FALSE(past.find(3));
    EXPECT_TRUE(past.find(1)->succeeded);
    EXPECT_FALSE(past.find(2)->succeeded);
    EXPECT_FALSE(past.find(4)->succeeded);
    EXPECT_TRUE(past.same_command(*past.find(1), "a"));
    EXPECT_FALSE(past.same_command(*past.find(1), "b"));
    log.on_ending(ending(3, "c", 0));
    EXPECT_EQ(text(), header + line(1, 0, 0, "a") + line(2, 3, 0, "b") + line(4, 0, 9, "d") + line(3, 0, 0, "c"));
}

TEST_F(JobLogTest, BeginsALogThatIsNotThereWhenResuming) {
    for (Resume resume : {Resume::all, Resume::failed, Resume::retry_failed}) {
        std::filesystem::remove(path_);
        EXPECT_EQ(open(resume).past().size(), 0u);
        EXPECT_EQ(text(), header);
    }
}

TEST_F(JobLogTest, ALineThatWasNotFinishedDoesNotCountAndIsOverwritten) {
    std::string whole = header + line(1, 0, 0, "a");
    std::string last = line(2, 0, 0, "b");
    for (std::size_t size = 1; size < last.size(); ++size) {
        write(whole + last.substr(0, size));
        JobLog log = open(Resume::all);
        EXPECT_FALSE(log.past().find(2));
        log.on_ending(ending(2, "c", 0));
        EXPECT_EQ(text(), whole + line(2, 0, 0, "c")) << size << " characters of the line";
    }
    for (std::size_t size = 0; size < header.size(); ++size) {
        write(header.substr(0, size));
        open(Resume::all);
        EXPECT_EQ(text(), header) << size << " characters of the header";
    }
}

TEST_F(JobLogTest, NamesALineThatIsNone) {
    for (const std::string& wrong :
         {std::string("hello"), std::string("x\t:\t0\t0\t0\t0\t0\t0\techo"), std::string("3\t:\t0"), std::string("")}) {
        std::string before = header + line(1, 0, 0, "a") + wrong + "\n" + line(2, 0, 0, "b");
        write(before);
        try {
            open(Resume::all);
            ADD_FAILURE() << "accepted: " << wrong;
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string(error.what()).find("line 3"), std::string::npos) << error.what();
            EXPECT_NE(std::string(error.what()).find(path_), std::string::npos) << error.what();
        }
        EXPECT_EQ(text(), before) << "a file that is no log is left alone";
    }
}

TEST_F(JobLogTest, TheLastEntryOfAJobCounts) {
    write(header + line(1, 1, 0, "a") + line(2, 0, 0, "b") + line(1, 0, 0, "a2") + line(2, 1, 0, "b"));
    JobLog log = open(Resume::retry_failed);
    EXPECT_TRUE(log.past().find(1)->succeeded);
    EXPECT_TRUE(log.past().same_command(*log.past().find(1), "a2"));
    EXPECT_FALSE(log.past().find(2)->succeeded);
    EXPECT_EQ(log.failed_commands(), (std::map<std::uint64_t, std::string>{{2, "b"}}));
}

TEST_F(JobLogTest, KeepsACommandOfSeveralLinesOnOne) {
    std::string command = "echo a\necho\tb\n";
    open(Resume::no).on_ending(ending(1, command, 1));
    std::string all = text();
    EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2);
    JobLog log = open(Resume::retry_failed);
    ASSERT_TRUE(log.past().find(1));
    EXPECT_TRUE(log.past().same_command(*log.past().find(1), command));
    EXPECT_EQ(log.failed_commands().at(1), command);
}

TEST_F(JobLogTest, KeepsBytesThatAreNoText) {
    std::string command = "echo '\xff\x01\r'";
    open(Resume::no).on_ending(ending(1, command, 1));
    EXPECT_EQ(open(Resume::retry_failed).failed_commands().at(1), command);
}

TEST_F(JobLogTest, ASecondRunWaitsForTheFirst) {
    auto first = std::make_unique<JobLog>(path_, Resume::no, false, never);
    std::atomic<bool> waits = false;
    std::thread second([&] {
        JobLog log(path_, Resume::all, false, [&] {
            waits = true;
            waits.notify_all();
        });
        EXPECT_TRUE(log.past().find(1)) << "it must see what the first wrote while it waited";
        log.on_ending(ending(2, "b", 0));
    });
    waits.wait(false);
    first->on_ending(ending(1, "a", 0));
    first.reset();
    second.join();
    EXPECT_EQ(text(), header + line(1, 0, 0, "a") + line(2, 0, 0, "b"));
}

TEST_F(JobLogTest, AFullDiskLeavesWholeLines) {
    JobLog log = open(Resume::no);
    log.on_ending(ending(1, "a", 0));
    std::string before = text();
    {
        const FailingCall write(SystemCall::write, ENOSPC);
        EXPECT_THROW(log.on_ending(ending(2, "b", 0)), system::SystemError);
        EXPECT_EQ(text(), before);
    }
    {
        const CallInstead<SystemCall::write> begun([](int fd, const void* data, std::size_t size) {
            return size > 20 ? ::write(fd, data, 20) : (errno = EFBIG, ssize_t{-1});
        });
        try {
            log.on_ending(ending(2, "b", 0));
            ADD_FAILURE() << "no fault";
        } catch (const system::SystemError& error) {
            EXPECT_EQ(error.error(), EFBIG);
            EXPECT_NE(std::string(error.what()).find(path_), std::string::npos) << error.what();
        }
        EXPECT_EQ(text(), before);
    }
    log.on_ending(ending(2, "b", 0));
    EXPECT_EQ(text(), before + line(2, 0, 0, "b"));
}

TEST_F(JobLogTest, WhatIsNotDeliveredIsNotLogged) {
    JobLog log = open(Resume::no);
    schedule::Ending one = ending(1, "a", 1);
    one.delivered = false;
    log.on_ending(one);
    EXPECT_EQ(text(), header);
}

TEST_F(JobLogTest, AnInterruptedWriteIsMadeAgain) {
    JobLog log = open(Resume::no);
    const FailingCall write(SystemCall::write, EINTR, {.times = 3});
    log.on_ending(ending(1, "a", 0));
    EXPECT_EQ(text(), header + line(1, 0, 0, "a"));
}

}  // namespace
}  // namespace haid::command
