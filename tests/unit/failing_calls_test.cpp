// That a call fails where a test wants it to, and nowhere else.
#include "failing_calls.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "processes.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"

namespace haid {
namespace {

using Where = FailingCall::Where;

int cut(int fd) {
    return ::ftruncate(fd, 0) == 0 ? 0 : errno;
}

class FailingCalls : public testing::Test {
  protected:
    system::Descriptor file_ = system::unlinked_file(testing::TempDir());
    system::Descriptor other_ = system::unlinked_file(testing::TempDir());
};

TEST_F(FailingCalls, OnceTheNextOneThenNoMore) {
    const FailingCall fails(SystemCall::ftruncate, EFBIG);
    EXPECT_EQ(cut(file_.get()), EFBIG);
    EXPECT_EQ(cut(file_.get()), 0);
    EXPECT_EQ(fails.failed(), 1);
}

TEST_F(FailingCalls, TheSecondAndThirdOfOneDescriptor) {
    const FailingCall fails(SystemCall::ftruncate, EIO, {.skip = 1, .times = 2, .first = file_.get()});
    EXPECT_EQ(cut(file_.get()), 0);
    EXPECT_EQ(cut(other_.get()), 0);
    EXPECT_EQ(cut(file_.get()), EIO);
    EXPECT_EQ(cut(other_.get()), 0);
    EXPECT_EQ(cut(file_.get()), EIO);
    EXPECT_EQ(cut(file_.get()), 0);
    EXPECT_EQ(fails.failed(), 2);
}

TEST_F(FailingCalls, HereOrInChildren) {
    {
        const FailingCall fails(SystemCall::ftruncate, EIO, {.where = Where::here});
        EXPECT_EQ(exit_status(middle([&] { ::_exit(cut(file_.get())); })), 0);
        EXPECT_EQ(cut(file_.get()), EIO);
    }
    const FailingCall fails(SystemCall::ftruncate, EIO, {.where = Where::children});
    EXPECT_EQ(cut(file_.get()), 0);
    EXPECT_EQ(exit_status(middle([&] { ::_exit(cut(file_.get())); })), EIO);
    EXPECT_EQ(exit_status(middle([&] { ::_exit(cut(file_.get())); })), 0) << "once, in whichever process";
    EXPECT_EQ(fails.failed(), 1);
}

TEST_F(FailingCalls, NoMoreThanThoseThatAreWantedWhereThreadsCall) {
    std::atomic<int> failures = 0;
    const FailingCall fails(SystemCall::ftruncate, EIO, {.skip = 100, .times = 50});
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int call = 0; call < 100; ++call) failures += cut(file_.get()) != 0;
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(failures, 50);
}

TEST_F(FailingCalls, ThreadsOfTheStandardLibrary) {
    const FailingCall fails(SystemCall::pthread_create, EAGAIN);
    EXPECT_THROW(std::thread([] {}), std::system_error);
    std::thread([] {}).join();
}

TEST_F(FailingCalls, EachHasItsOwnSignOfFailure) {
    const FailingCall map(SystemCall::mmap, ENOMEM), folder(SystemCall::opendir, EMFILE);
    EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MAP_FAILED);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(::opendir("/"), nullptr);
    EXPECT_EQ(errno, EMFILE);
}

TEST_F(FailingCalls, AFunctionInPlaceOfACallMayMakeIt) {
    const CallInstead<SystemCall::ftruncate> longer([](int fd, off_t size) { return ::ftruncate(fd, size + 7); });
    EXPECT_EQ(cut(file_.get()), 0);
    EXPECT_EQ(::lseek(file_.get(), 0, SEEK_END), 7);
}

}  // namespace
}  // namespace haid
