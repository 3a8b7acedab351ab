#include "cluster/submission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace haid::cluster {
namespace {

using testing::ElementsAre;

// What the script prints when bash runs it.
std::string printed_by_bash(const Submission& submission) {
    const std::string script = batch_script(submission);
    char path[] = "/tmp/submission_test.XXXXXX";
    const int file = ::mkstemp(path);
    EXPECT_EQ(::write(file, script.data(), script.size()), static_cast<ssize_t>(script.size()));
    ::close(file);
    std::unique_ptr<FILE, int (*)(FILE*)> bash(::popen(("bash " + std::string(path)).c_str(), "r"), ::pclose);
    std::string text;
    char buffer[4096];
    while (std::size_t size = std::fread(buffer, 1, sizeof buffer, bash.get())) text.append(buffer, size);
    ::unlink(path);
    return text;
}

TEST(Submission, AScriptHasOwnOptionsFirstAndTheLineLast) {
    Submission submission;
    submission.program = "/opt/haid";
    submission.line = {"-k", "echo", ":::", "1", "{}", "{.}"};
    submission.options = {"-N3", "--time=10"};
    submission.input = "/home/me/in put";
    EXPECT_EQ(batch_script(submission),
              "#!/bin/bash\n#SBATCH --job-name=haid\n#SBATCH --no-kill\n#SBATCH --open-mode=append\n"
              "#SBATCH -N3\n#SBATCH --time=10\nexec /opt/haid -k echo ::: 1 {} '{.}' < '/home/me/in put'\n");
}

TEST(Submission, NoWordOfTheLineMeansAnythingToTheShell) {
    Submission submission;
    submission.program = "/usr/bin/printf";
    submission.line = {"%s\\1", "a b",  "it's", "\"$HOME\"", "two\nlines", "`id`", "$(id)",  "\\", "\\\\n", "*",
                       "é→𝄞",   "\xff", "",     "!x",        "~",          "#x",   "a;b|c&", "<",  ">"};
    std::string expected;
    for (std::size_t i = 1; i < submission.line.size(); ++i) expected += submission.line[i] + "\1";
    EXPECT_EQ(printed_by_bash(submission), expected);
}

TEST(Submission, OptionsWithHostileValuesComeBackFromTheScript) {
    const std::vector<std::string> options = {"--comment=a \"b\" 'c' # $x \\ é",
                                              "-Jx y",
                                              "--output=a#b",
                                              "--comment=tab\there",
                                              "-N3",
                                              "--mail-user=o'neill"};
    Submission submission;
    submission.program = "haid";
    submission.options = options;
    const Prologue read = parse_prologue(batch_script(submission));
    std::vector<std::string> back = options_of(read.directives);
    back.erase(back.begin(), back.begin() + 3);
    EXPECT_EQ(back, options);
    EXPECT_EQ(read.rest, "exec haid\n");
}

TEST(Submission, AnOptionWithANewlineIsRefused) {
    Submission submission;
    submission.options = {"--comment=a\nrm -rf x"};
    EXPECT_THROW(batch_script(submission), std::invalid_argument);
}

TEST(Submission, ValuesAreAttachedToTheirOptions) {
    EXPECT_THAT(attach_values({"-N", "3", "--time", "10", "--exclusive", "-n4", "--mem=1G", "-k"}),
                ElementsAre("-N3", "--time=10", "--exclusive", "-n4", "--mem=1G", "-k"));
    EXPECT_THAT(attach_values({"--comment", ""}), ElementsAre("--comment="));
    EXPECT_THROW(attach_values({"-J", ""}), std::invalid_argument);
}

TEST(Submission, AWordThatIsNoOptionIsNeverTakenForAScript) {
    EXPECT_THROW(attach_values({"echo"}), std::invalid_argument);
    EXPECT_THROW(attach_values({"-N3", "echo"}), std::invalid_argument);
    EXPECT_THROW(attach_values({"--mem=1G", "echo"}), std::invalid_argument);
    EXPECT_THROW(attach_values({"-N", "3", "-"}), std::invalid_argument);
}

TEST(Submission, TheLastOfAnOptionCounts) {
    const OptionName output{'o', "output", 2};
    EXPECT_EQ(option_value({"-oa", "--output=b"}, output), "b");
    EXPECT_EQ(option_value({"--output=b", "-oa"}, output), "a");
    EXPECT_EQ(option_value({"--ou=b"}, output), "b");
    EXPECT_EQ(option_value({"--open-mode=append", "-e", "--o=x"}, output), std::nullopt);
    EXPECT_EQ(option_value({"--wait-all-nodes=1"}, {'W', "wait", 4}), std::nullopt);
    EXPECT_EQ(option_value({"--wait"}, {'W', "wait", 4}), "");
}

TEST(Submission, OfAPrologueTheHeadGoesWithTheOptionsAndTheRestBeforeTheLine) {
    Submission submission;
    submission.program = "haid";
    submission.options = {"--time=20"};
    submission.prologue = parse_prologue(
        "#!/bin/bash -l\n# mine\n\n#SBATCH --time=10\n#SBATCH -p short # a partition\nmodule load R\n#SBATCH -N9\nf() "
        "{ :; }");
    EXPECT_THAT(options_of(submission.prologue.directives), ElementsAre("--time=10", "-pshort"));
    EXPECT_EQ(batch_script(submission),
              "#!/bin/bash -l\n#SBATCH --job-name=haid\n#SBATCH --no-kill\n#SBATCH --open-mode=append\n"
              "#SBATCH --time=10\n#SBATCH -p short # a partition\n#SBATCH --time=20\n"
              "# mine\n\nmodule load R\n#SBATCH -N9\nf() { :; }\nexec haid\n");
}

TEST(Submission, APrologueForAnotherKindOfShellIsRefused) {
    EXPECT_THROW(parse_prologue("#!/bin/tcsh\n"), std::invalid_argument);
    EXPECT_THROW(parse_prologue("#!/usr/bin/python3\n"), std::invalid_argument);
    EXPECT_EQ(parse_prologue("#!/usr/bin/env -S bash -l\n").interpreter, "#!/usr/bin/env -S bash -l");
    EXPECT_EQ(parse_prologue("").interpreter, "#!/bin/bash");
}

TEST(Submission, PatternsOfOutputFiles) {
    const JobFacts facts{"123", "my job", "me", "n1"};
    EXPECT_EQ(expand_pattern("/x/slurm-%j.out", facts), "/x/slurm-123.out");
    EXPECT_EQ(expand_pattern("%A-%x-%u-%N-%%-%6j", facts), "123-my job-me-n1-%-000123");
    EXPECT_EQ(expand_pattern("%t", facts), std::nullopt);
    EXPECT_EQ(expand_pattern("100%", facts), std::nullopt);
    EXPECT_EQ(expand_pattern("%N", {"1", "", "", ""}), std::nullopt);
}

}  // namespace
}  // namespace haid::cluster
