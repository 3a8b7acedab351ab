#include "command/output/tagger.hpp"

#include <gtest/gtest.h>

#include <random>

namespace haid::command {
namespace {

std::string tagged(std::string_view text) {
    return Tagger("t:").apply(text);
}

TEST(Tagger, TagsEveryLine) {
    EXPECT_EQ(tagged("a\nb\n"), "t:a\nt:b\n");
}

TEST(Tagger, TagsALineWithoutAnEnd) {
    EXPECT_EQ(tagged("a\nb"), "t:a\nt:b");
}

TEST(Tagger, TagsEmptyLines) {
    EXPECT_EQ(tagged("\n\na\n"), "t:\nt:\nt:a\n");
}

TEST(Tagger, AddsNothingToNothing) {
    EXPECT_EQ(tagged(""), "");
}

TEST(Tagger, TagsTheStepsOfAProgressBar) {
    EXPECT_EQ(tagged("1%\r2%\r3%\n"), "t:1%\rt:2%\rt:3%\n");
}

TEST(Tagger, TakesCarriageReturnAndNewlineForOneEnd) {
    EXPECT_EQ(tagged("a\r\nb\r\n"), "t:a\r\nt:b\r\n");
}

TEST(Tagger, IsOffWithoutATag) {
    Tagger tagger("");
    EXPECT_FALSE(tagger.active());
    EXPECT_EQ(tagger.apply("a\nb\r"), "a\nb\r");
    EXPECT_TRUE(Tagger("t").active());
}

TEST(Tagger, DoesNotCareWherePiecesAreCut) {
    std::mt19937 random(7);
    for (int round = 0; round < 1000; ++round) {
        std::string text(random() % 30, ' ');
        for (char& c : text) c = "ab\r\n\t"[random() % 5];
        Tagger tagger("t:");
        std::string pieces;
        for (std::size_t at = 0; at < text.size();) {
            std::size_t size = random() % 4;
            pieces += tagger.apply(std::string_view(text).substr(at, size));
            at += std::min(size, text.size() - at);
        }
        ASSERT_EQ(pieces, tagged(text));
    }
}

}  // namespace
}  // namespace haid::command
