#include "command/quote.hpp"

#include <gtest/gtest.h>
#include <stdio.h>

#include <memory>
#include <random>
#include <vector>

namespace haid::command {
namespace {

// What the system's shell hands on, byte by byte: popen is /bin/sh -c.
std::string printed_by_shell(const std::string& words) {
    std::unique_ptr<FILE, int (*)(FILE*)> shell(::popen(("printf '%s\\1' " + words).c_str(), "r"), ::pclose);
    std::string text;
    char buffer[4096];
    while (std::size_t size = std::fread(buffer, 1, sizeof buffer, shell.get())) text.append(buffer, size);
    return text;
}

TEST(Quote, LeavesPlainWordsAlone) {
    EXPECT_EQ(quote("dir/a-b_c.1+2"), "dir/a-b_c.1+2");
}

TEST(Quote, KeepsAnEmptyWord) {
    EXPECT_EQ(quote(""), "''");
    EXPECT_EQ(quote("", QuoteStyle::csh), "''");
    EXPECT_EQ(quote("", QuoteStyle::rc), "''");
}

TEST(Quote, PutsAnythingElseInSingleQuotes) {
    EXPECT_EQ(quote("a b"), "'a b'");
    EXPECT_EQ(quote("~"), "'~'");
    EXPECT_EQ(quote("a=b"), "'a=b'");
    EXPECT_EQ(quote("$x`y`"), "'$x`y`'");
    EXPECT_EQ(quote("\xc3\xa9"), "'\xc3\xa9'");
}

TEST(Quote, PutsASingleQuoteInDoubleOnes) {
    EXPECT_EQ(quote("it's"), "'it'\"'\"'s'");
    EXPECT_EQ(quote("'"), "\"'\"");
}

TEST(Quote, SpeaksCsh) {
    EXPECT_EQ(quote("a b!", QuoteStyle::csh), "a\\ b\\!");
    EXPECT_EQ(quote("a\nb", QuoteStyle::csh), "a\"\\\n\"b");
    EXPECT_EQ(quote("plain", QuoteStyle::csh), "plain");
}

TEST(Quote, SpeaksRc) {
    EXPECT_EQ(quote("it's $x", QuoteStyle::rc), "'it''s $x'");
    EXPECT_EQ(quote("plain", QuoteStyle::rc), "plain");
}

TEST(Quote, EveryByteComesBackFromTheShell) {
    std::string words;
    std::string expected;
    for (int byte = 1; byte < 256; ++byte) {
        std::string text(1, static_cast<char>(byte));
        words += quote(text) + " ";
        expected += text + "\1";
    }
    EXPECT_EQ(printed_by_shell(words), expected);
}

TEST(Quote, RandomBytesComeBackFromTheShell) {
    std::mt19937 random(3);
    for (int round = 0; round < 20; ++round) {
        std::string words;
        std::string expected;
        for (int i = 0; i < 50; ++i) {
            std::string text(random() % 12, ' ');
            for (char& c : text) c = static_cast<char>(1 + random() % 255);
            // Quotes next to each other are where quoting goes wrong.
            if (random() % 2 == 0) text.insert(random() % (text.size() + 1), "''\"");
            words += quote(text) + " ";
            expected += text + "\1";
        }
        ASSERT_EQ(printed_by_shell(words), expected) << words;
    }
}

}  // namespace
}  // namespace haid::command
