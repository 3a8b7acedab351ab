#include "cluster/submitted_runs.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "system/descriptor.hpp"

namespace haid::cluster {
namespace {

class SubmittedRuns : public testing::Test {
  protected:
    SubmittedRuns() {
        char folder[] = "/tmp/submitted_runs_test.XXXXXX";
        EXPECT_NE(::mkdtemp(folder), nullptr);
        folder_ = folder;
        ::setenv("HAID_RUN_FOLDER", folder, 1);
    }
    ~SubmittedRuns() override {
        ::unsetenv("HAID_RUN_FOLDER");
        std::filesystem::remove_all(folder_);
    }
    std::string folder_;
};

TEST_F(SubmittedRuns, AFolderThatIsNotKeptLeavesNothing) {
    { RunFolder folder(new_run_path()); }
    EXPECT_TRUE(submitted_runs().empty());
}

TEST_F(SubmittedRuns, AFolderIsItsOwnersAlone) {
    const RunFolder folder(new_run_path());
    struct stat status {};
    ASSERT_EQ(::stat(folder.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0700u);
}

TEST_F(SubmittedRuns, TwoOfOneNameGetAFolderEach) {
    const std::string path = new_run_path();
    const RunFolder one(path), other(path);
    EXPECT_NE(one.path(), other.path());
}

TEST_F(SubmittedRuns, WhatIsRememberedIsReadAgain) {
    RunFolder folder(new_run_path());
    folder.keep();
    SubmittedRun run;
    run.folder = folder.path();
    run.number = "123";
    run.cluster = "other";
    run.state = "COMPLETED";
    run.name = "my job";
    run.line = "echo 'a  b' = c";
    remember(run);
    const auto runs = submitted_runs();
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_EQ(runs[0].number, run.number);
    EXPECT_EQ(runs[0].cluster, run.cluster);
    EXPECT_EQ(runs[0].state, run.state);
    EXPECT_EQ(runs[0].name, run.name);
    EXPECT_EQ(runs[0].line, run.line);
    EXPECT_EQ(runs[0].when().size(), std::string("2026-11-22 21:55").size());
}

TEST_F(SubmittedRuns, InputIsStoredByteByByte) {
    RunFolder folder(new_run_path());
    system::Pipe pipe = system::make_pipe();
    const std::string text{'a', '\0', 'b', '\n', '\xff'};
    system::write_all(pipe.write.get(), text, "cannot write");
    pipe.write.close();
    EXPECT_EQ(folder.store_input(pipe.read.get()), 5u);
    EXPECT_EQ(system::read_small_file(input_in(folder.path())), text);
}

TEST_F(SubmittedRuns, OldOnesGoButNotThoseThatMayStillRun) {
    for (const char* state : {"COMPLETED", ""}) {
        RunFolder folder(new_run_path());
        folder.keep();
        SubmittedRun run;
        run.folder = folder.path();
        run.number = "123";
        run.state = state;
        remember(run);
        std::filesystem::last_write_time(folder.path(),
                                         std::filesystem::file_time_type::clock::now() - std::chrono::hours(31 * 24));
    }
    RunFolder recent(new_run_path());
    remove_old_runs(submitted_runs());
    const auto runs = submitted_runs();
    ASSERT_EQ(runs.size(), 2u);
    for (const SubmittedRun& run : runs) EXPECT_TRUE(run.state.empty());
}

TEST(OnOneLine, NeitherControlCharactersNorHalfACharacter) {
    EXPECT_EQ(on_one_line("a\nb\tc\x1b", 10), "a b c ");
    EXPECT_EQ(on_one_line("abé", 4), "abé");
    EXPECT_EQ(on_one_line("abéd", 3), "ab…");
}

}  // namespace
}  // namespace haid::cluster
