#include "command/shell.hpp"

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>

#include "system/command_path.hpp"

namespace haid::command {
namespace {

using Words = std::vector<std::string>;

// A variable of the environment for as long as it lives.
class Variable {
  public:
    Variable(std::string name, const char* value) : name_(std::move(name)) {
        if (const char* before = ::getenv(name_.c_str())) before_ = before;
        set(value);
    }
    ~Variable() { set(before_ ? before_->c_str() : nullptr); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    void set(const char* value) { value != nullptr ? ::setenv(name_.c_str(), value, 1) : ::unsetenv(name_.c_str()); }
    std::string name_;
    std::optional<std::string> before_;
};

TEST(SplitSimpleCommand, SplitsAtBlanks) {
    EXPECT_EQ(split_simple_command("gzip -9 dir/a.txt"), (Words{"gzip", "-9", "dir/a.txt"}));
    EXPECT_EQ(split_simple_command("  gzip \t a  "), (Words{"gzip", "a"}));
    EXPECT_EQ(split_simple_command("/bin/echo a=b x,y 50% u@h:p +1"),
              (Words{"/bin/echo", "a=b", "x,y", "50%", "u@h:p", "+1"}));
}

TEST(SplitSimpleCommand, UnderstandsQuotes) {
    EXPECT_EQ(split_simple_command("gzip 'a b' \"c d\""), (Words{"gzip", "a b", "c d"}));
    EXPECT_EQ(split_simple_command("gzip 'it'\"'\"'s' ''"), (Words{"gzip", "it's", ""}));
    EXPECT_EQ(split_simple_command("gzip '$HOME `x` * \\'"), (Words{"gzip", "$HOME `x` * \\"}));
    EXPECT_EQ(split_simple_command("gzip 'a\nb'"), (Words{"gzip", "a\nb"}));
}

TEST(SplitSimpleCommand, LeavesWhatAShellWouldActOnToTheShell) {
    for (char c : std::string("|&;<>()$`\\*?[]#~{}!^\n\r")) {
        EXPECT_FALSE(split_simple_command(std::string("gzip a") + c + "b")) << "character: " << c;
        EXPECT_FALSE(split_simple_command(std::string("gzip ") + c)) << "character: " << c;
    }
}

TEST(SplitSimpleCommand, LeavesWhatLivesInDoubleQuotesToTheShell) {
    for (const char* line : {"gzip \"$x\"", "gzip \"`x`\"", "gzip \"a\\\\b\"", "gzip \"a!\""}) {
        EXPECT_FALSE(split_simple_command(line)) << line;
    }
}

TEST(SplitSimpleCommand, LeavesOpenQuotesToTheShell) {
    EXPECT_FALSE(split_simple_command("gzip 'a"));
    EXPECT_FALSE(split_simple_command("gzip \"a"));
}

TEST(SplitSimpleCommand, LeavesBytesThatAreNoPlainCharactersToTheShell) {
    EXPECT_FALSE(split_simple_command("gzip \xc2\xa0x"));
    EXPECT_FALSE(split_simple_command(std::string_view("gzip a\0b", 8)));
    EXPECT_FALSE(split_simple_command("gzip a\vb"));
}

TEST(SplitSimpleCommand, LeavesBuiltinsAndKeywordsToTheShell) {
    for (const char* word :
         {"cd", "echo", "exit", "if", "while", ".", ":", "time", "export", "source", "ulimit", "test"}) {
        EXPECT_FALSE(split_simple_command(std::string(word) + " x")) << word;
        EXPECT_FALSE(split_simple_command(word)) << word;
    }
    EXPECT_EQ(split_simple_command("gzip cd if"), (Words{"gzip", "cd", "if"}));
}

TEST(SplitSimpleCommand, LeavesAssignmentsToTheShell) {
    EXPECT_FALSE(split_simple_command("A=b gzip"));
    EXPECT_FALSE(split_simple_command("A= gzip"));
}

TEST(SplitSimpleCommand, LeavesAQuotedCommandNameToTheShell) {
    EXPECT_FALSE(split_simple_command("'gzip' a"));
}

TEST(SplitSimpleCommand, LeavesNothingAtAllToTheShell) {
    EXPECT_FALSE(split_simple_command(""));
    EXPECT_FALSE(split_simple_command(" \t"));
}

TEST(SplitSimpleCommand, LeavesExportedFunctionsToTheShell) {
    EXPECT_TRUE(split_simple_command("my_tool a"));
    Variable function("BASH_FUNC_my_tool%%", "() { :; }");
    EXPECT_FALSE(split_simple_command("my_tool a"));
    EXPECT_TRUE(split_simple_command("my_tool2 a"));
}

TEST(SplitSimpleCommand, SplitsAsTheShellDoesWhereItSplits) {
    std::mt19937 random(4);
    constexpr std::string_view alphabet = "ab  '\"'\"=%-./:,@+\t$*\n";
    std::string script;
    std::string expected;
    int split = 0;
    for (int i = 0; i < 4000; ++i) {
        std::string line = "gzip ";
        for (std::size_t size = random() % 12; size > 0; --size) line += alphabet[random() % alphabet.size()];
        auto words = split_simple_command(line);
        if (!words) continue;
        ++split;
        script += "printf '<%s>' " + line + "\necho\n";
        for (const std::string& word : *words) expected += "<" + word + ">";
        expected += "\n";
    }
    ASSERT_GT(split, 100);
    std::string path = testing::TempDir() + "haid-shell-XXXXXX";
    ASSERT_TRUE(::mkdtemp(path.data()));
    std::ofstream(path + "/script") << script;
    std::unique_ptr<FILE, int (*)(FILE*)> shell(::popen(("/bin/sh " + path + "/script").c_str(), "r"), ::pclose);
    std::string printed;
    char buffer[4096];
    while (std::size_t size = std::fread(buffer, 1, sizeof buffer, shell.get())) printed.append(buffer, size);
    std::filesystem::remove_all(path);
    EXPECT_EQ(printed, expected);
}

TEST(ChooseShell, FollowsTheUsersVariable) {
    for (const char* name : {"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS"}) ::unsetenv(name);
    Variable shell("PARALLEL_SHELL", "/usr/bin/tcsh");
    EXPECT_EQ(choose_shell().path, "/usr/bin/tcsh");
    EXPECT_EQ(choose_shell().style, QuoteStyle::csh);
    EXPECT_FALSE(choose_shell().may_be_left_out);
    Variable plain("PARALLEL_SHELL", "/bin/sh");
    EXPECT_TRUE(choose_shell().may_be_left_out);
    Variable reads("BASH_ENV", "/some/file");
    EXPECT_FALSE(choose_shell().may_be_left_out);
}

class CommandPathTest : public testing::Test {
  protected:
    CommandPathTest() {
        root_ = testing::TempDir() + "haid-path-XXXXXX";
        if (!::mkdtemp(root_.data())) throw std::runtime_error("mkdtemp failed");
        for (const char* folder : {"/one", "/two"}) std::filesystem::create_directory(root_ + folder);
    }
    ~CommandPathTest() override { std::filesystem::remove_all(root_); }
    void make(const std::string& path, mode_t mode) {
        std::ofstream(root_ + path) << "#!/bin/sh\n";
        ::chmod((root_ + path).c_str(), mode);
    }
    std::string root_;
};

TEST_F(CommandPathTest, FindsTheFirstProgramOfThatName) {
    make("/one/tool", 0644);  // not executable, even for root
    make("/two/tool", 0755);
    std::filesystem::create_directory(root_ + "/one/folder");
    Variable variable("PATH", (root_ + "/one:" + root_ + "/two").c_str());
    system::CommandPath path;
    EXPECT_EQ(path.find("tool"), root_ + "/two/tool");
    EXPECT_EQ(path.find("tool"), root_ + "/two/tool");
    EXPECT_EQ(path.find("folder"), std::nullopt);
    EXPECT_EQ(path.find("none"), std::nullopt);
    make("/one/tool", 0755);
    EXPECT_EQ(system::CommandPath().find("tool"), root_ + "/one/tool");
}

TEST_F(CommandPathTest, DoesNotAnswerBehindARelativeFolder) {
    make("/one/tool", 0755);
    for (const std::string& value : {root_ + "/one:.", root_ + "/one:", root_ + "/one::/bin"}) {
        Variable variable("PATH", value.c_str());
        system::CommandPath path;
        EXPECT_EQ(path.find("tool"), root_ + "/one/tool") << value;
        EXPECT_EQ(path.find("none"), std::nullopt);
        EXPECT_FALSE(path.all_absolute());
    }
    for (const std::string& value : {":" + root_ + "/one", ".:" + root_ + "/one"}) {
        Variable variable("PATH", value.c_str());
        system::CommandPath path;
        EXPECT_EQ(path.find("tool"), std::nullopt) << value;
        EXPECT_EQ(path.find_absolute("tool"), root_ + "/one/tool");
    }
}

}  // namespace
}  // namespace haid::command
