#include "report/progress.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace haid::report {
namespace {

using namespace std::chrono_literals;

command::Status status(std::optional<std::uint64_t> total, std::uint64_t done, std::chrono::seconds elapsed) {
    command::Status now;
    now.total = total;
    now.done = done;
    now.running = 2;
    now.since = system::Time(1h);
    now.now = now.since + elapsed;
    return now;
}

TEST(DurationText, ChoosesTheUnit) {
    EXPECT_EQ(duration_text(0), "0 s");
    EXPECT_EQ(duration_text(3.2), "3 s");
    EXPECT_EQ(duration_text(59), "59 s");
    EXPECT_EQ(duration_text(60), "1:00 min");
    EXPECT_EQ(duration_text(245), "4:05 min");
    EXPECT_EQ(duration_text(3600), "1:00:00 h");
    EXPECT_EQ(duration_text(3723), "1:02:03 h");
    EXPECT_EQ(duration_text(90000), "25:00:00 h");
}

TEST(DurationText, NeverSaysSixtySecondsOrMinutes) {
    EXPECT_EQ(duration_text(59.7), "1:00 min");
    EXPECT_EQ(duration_text(3599.7), "1:00:00 h");
}

TEST(ProgressText, CountsJobs) {
    EXPECT_EQ(progress_text(status(10, 5, 50s), Shape::counts, 80), "5/10 done, 2 running");
    EXPECT_EQ(progress_text(status(std::nullopt, 5, 50s), Shape::counts, 80), "5 done, 2 running");
    command::Status more = status(10, 5, 50s);
    more.failed = 1;
    more.skipped = 3;
    EXPECT_EQ(progress_text(more, Shape::counts, 80), "5/10 done, 2 running, 1 failed, 3 done before");
}

TEST(ProgressText, TellsHowLongItTakesFromTheRateSoFar) {
    EXPECT_EQ(progress_text(status(10, 5, 50s), Shape::eta, 80), "5/10 done, 2 running, 50 s left");
    EXPECT_EQ(progress_text(status(10, 5, 50s), Shape::line, 80), "5/10 done, 2 running, 50 s left (50 s so far)");
}

TEST(ProgressText, PromisesNothingBeforeItKnows) {
    EXPECT_EQ(progress_text(status(10, 0, 50s), Shape::eta, 80), "0/10 done, 2 running");
    EXPECT_EQ(progress_text(status(std::nullopt, 5, 50s), Shape::eta, 80), "5 done, 2 running");
}

TEST(ProgressText, DrawsABar) {
    std::string half = progress_text(status(10, 5, 50s), Shape::bar, 80);
    auto full_part = std::count(half.begin(), half.end(), '#');
    auto empty_part = std::count(half.begin(), half.end(), '.');
    EXPECT_LE(std::abs(full_part - empty_part), 1) << half;
    EXPECT_NE(half.find("50% 5/10, 50 s left"), std::string::npos) << half;
    std::string full = progress_text(status(10, 10, 50s), Shape::bar, 80);
    EXPECT_EQ(std::count(full.begin(), full.end(), '.'), 0) << full;
    EXPECT_NE(full.find("100% 10/10"), std::string::npos) << full;
}

TEST(ProgressText, CountsInPlaceOfABarWithoutATotal) {
    EXPECT_EQ(progress_text(status(std::nullopt, 5, 50s), Shape::bar, 80), "5 done, 2 running");
    EXPECT_EQ(progress_text(status(0, 0, 0s), Shape::bar, 80), "0/0 done, 2 running");
}

TEST(ProgressText, IsOneLineThatFitsWhateverTheNumbers) {
    std::mt19937_64 random(8);
    auto number = [&] { return random() >> (random() % 64); };
    for (int i = 0; i < 5000; ++i) {
        command::Status now = status(random() % 3 == 0 ? std::nullopt : std::optional(number()), number(),
                                     std::chrono::seconds(number() >> 32));
        now.failed = number();
        now.skipped = number();
        now.running = number();
        int width = 1 + static_cast<int>(random() % 120);
        for (Shape shape : {Shape::line, Shape::bar, Shape::eta, Shape::counts}) {
            std::string text = progress_text(now, shape, width);
            EXPECT_LE(text.size(), static_cast<std::size_t>(width)) << text;
            EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c != 127; })) << text;
        }
    }
}

}  // namespace
}  // namespace haid::report
