// From bytes to the arguments of jobs: records, their combination, columns, and batches.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "command/input/inputs.hpp"
#include "command/input/record_reader.hpp"
#include "failing_calls.hpp"
#include "system/error.hpp"

namespace haid::command {
namespace {

using Values = std::vector<std::string>;
using testing::ElementsAre;
using testing::HasSubstr;

RecordRules delimited_by(const std::string& delimiter) {
    RecordRules rules;
    rules.delimiter = delimiter;
    return rules;
}

class RecordsTest : public testing::Test {
  protected:
    RecordsTest() : folder_(testing::TempDir() + "haid-records-XXXXXX"), store_(folder_, 1 << 20) {
        if (!::mkdtemp(folder_.data())) throw std::runtime_error("mkdtemp failed");
    }
    ~RecordsTest() override { std::filesystem::remove_all(folder_); }

    std::string file(const std::string& text) {
        std::string path = folder_ + "/file" + std::to_string(++files_);
        std::ofstream(path) << text;
        return path;
    }
    // A pipe as a source: `write_end_` is what comes in.
    std::string pipe() {
        system::Pipe pipe = system::make_pipe();
        write_end_ = std::move(pipe.write);
        read_end_ = std::move(pipe.read);
        return "/proc/self/fd/" + std::to_string(read_end_.get());
    }
    std::unique_ptr<Source> pipe_source(const RecordRules& rules = {}) { return file_source(pipe(), rules); }
    InputSettings piped() {
        InputSettings settings;
        settings.sources.push_back({true, false, {}, pipe()});
        return settings;
    }
    void send(std::string_view text) { system::write_all(write_end_.get(), text, "the pipe"); }

    InputSettings lists(const std::vector<Values>& values) {
        InputSettings settings;
        for (const Values& list : values) settings.sources.push_back({false, false, list, ""});
        return settings;
    }
    static Values all_of(Source& source) {
        Values values;
        for (std::string value; source.next(value) == Pull::value;) values.push_back(value);
        return values;
    }
    std::vector<Values> all_of(const InputSettings& settings) {
        Records records(settings, store_);
        EXPECT_EQ(records.prepare(), Pull::value);
        auto count = records.count();
        std::vector<Values> all;
        for (Values record; records.next(record) == Pull::value;) all.push_back(record);
        EXPECT_EQ(count.value_or(all.size()), all.size());
        return all;
    }
    // The values of one job after the other.
    std::vector<Values> batches_of(const InputSettings& settings, BatchRule rule, const Batches::Fits& fits) {
        Records records(settings, store_);
        Batches batches(records, rule, fits);
        std::vector<Values> all;
        for (Arguments arguments; batches.next(arguments) == Pull::value;) all.push_back(arguments.values);
        return all;
    }

    std::string folder_;
    int files_ = 0;
    system::SpoolStore store_;
    system::Descriptor write_end_;
    system::Descriptor read_end_;
};

using SourceTest = RecordsTest;

TEST_F(SourceTest, CutsAtTheDelimiter) {
    EXPECT_THAT(all_of(*file_source(file("a\n\nb c\n"), {})), ElementsAre("a", "", "b c"));
    EXPECT_THAT(all_of(*file_source(file(std::string("a\0b\n\0", 5)), delimited_by(std::string(1, '\0')))),
                ElementsAre("a", "b\n"));
    EXPECT_THAT(all_of(*file_source(file(""), {})), ElementsAre());
}

TEST_F(SourceTest, TakesALastRecordWithoutDelimiter) {
    EXPECT_THAT(all_of(*file_source(file("a\nb"), {})), ElementsAre("a", "b"));
    EXPECT_THAT(all_of(*file_source(file("a::b:"), delimited_by("::"))), ElementsAre("a", "b:"));
}

TEST_F(SourceTest, LeavesOutWhatTheRulesLeaveOut) {
    RecordRules rules;
    rules.skip_blank = true;
    EXPECT_THAT(all_of(*file_source(file("a\n \t\n\nb\n"), rules)), ElementsAre("a", "b"));
    rules.end_marker = "END";
    EXPECT_THAT(all_of(*file_source(file("a\nEND\nb\n"), rules)), ElementsAre("a"));
    EXPECT_THAT(all_of(*list_source({"a", "", "END", "b"}, ":::", rules)), ElementsAre("a"));
}

TEST_F(SourceTest, JoinsLinesThatEndInABlank) {
    RecordRules rules;
    rules.join_continued = true;
    EXPECT_THAT(all_of(*file_source(file("a \nb\t\nc\nd\ne "), rules)), ElementsAre("a b\tc", "d", "e "));
}

TEST_F(SourceTest, SaysWhereAValueCameFrom) {
    std::string path = file("a\nb\n");
    auto source = file_source(path, {});
    std::string value;
    source->next(value);
    source->next(value);
    EXPECT_EQ(source->place(), "line 2 of '" + path + "'");
}

TEST_F(SourceTest, NamesTheLineThatIsTooLong) {
    std::string path = file("a\nb\n" + std::string(RecordReader::longest_record + 200'000, 'x') + "\nc\n");
    auto source = file_source(path, {});
    std::string value;
    source->next(value);
    source->next(value);
    try {
        source->next(value);
        ADD_FAILURE() << "accepted";
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("line 3 of '" + path + "'"));
    }
}

TEST_F(SourceTest, RefusesWhatItCannotRead) {
    EXPECT_THROW(file_source(folder_ + "/none", {}), InputError);
    EXPECT_THROW(file_source(folder_, {}), InputError);
    const FailingCall read(SystemCall::read, EIO);
    auto source = file_source(file("a\n"), {});
    std::string value;
    EXPECT_THROW(source->next(value), InputError);
}

TEST_F(SourceTest, AStandardInputForWhichThereIsNoDescriptorIsNotCalledClosed) {
    const FailingCall fcntl(SystemCall::fcntl, EMFILE);
    try {
        file_source("-", {});
        ADD_FAILURE() << "no fault";
    } catch (const system::SystemError& error) {
        EXPECT_EQ(error.error(), EMFILE);
    }
}

TEST_F(SourceTest, NeverWaitsForAPipe) {
    auto source = pipe_source(delimited_by("--"));
    std::string value;
    EXPECT_EQ(source->next(value), Pull::blocked);
    send("a-");
    EXPECT_EQ(source->next(value), Pull::blocked) << "half a delimiter";
    send("-b");
    ASSERT_EQ(source->next(value), Pull::value);
    EXPECT_EQ(value, "a");
    EXPECT_EQ(source->next(value), Pull::blocked);
    EXPECT_GE(source->descriptor(), 0);
    write_end_.close();
    ASSERT_EQ(source->next(value), Pull::value);
    EXPECT_EQ(value, "b");
    EXPECT_EQ(source->next(value), Pull::end);
    EXPECT_EQ(source->next(value), Pull::end) << "and says so again";
}

TEST_F(SourceTest, DoesNotCareInWhichPiecesBytesArrive) {
    static std::mt19937 random(9);
    const CallInstead<SystemCall::read> little_is_read([](int fd, void* to, std::size_t size) {
        if (random() % 8 == 0) return errno = EINTR, ssize_t{-1};
        return ::read(fd, to, std::min<std::size_t>(size, 1 + random() % 3));
    });
    for (int round = 0; round < 300; ++round) {
        std::string delimiter(1 + random() % 3, ' ');
        for (char& c : delimiter) c = "ab"[random() % 2];
        std::string text(random() % 40, ' ');
        for (char& c : text) c = "abc"[random() % 3];
        Values expected;
        std::size_t from = 0;
        for (std::size_t at; (at = text.find(delimiter, from)) != std::string::npos; from = at + delimiter.size()) {
            expected.push_back(text.substr(from, at - from));
        }
        if (from < text.size()) expected.push_back(text.substr(from));
        std::string path = file(text);
        auto source = file_source(path, delimited_by(delimiter));
        ASSERT_EQ(source->count(), expected.size()) << text << " by " << delimiter;
        ASSERT_EQ(all_of(*source), expected) << text << " by " << delimiter;
        ASSERT_EQ(source->count(), expected.size()) << "after they were taken";
    }
}

TEST_F(SourceTest, CountsAcrossItsBuffer) {
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += std::string(static_cast<std::size_t>(i % 7), 'x') + "\r\n";
    auto source = file_source(file(text + "last"), delimited_by("\r\n"));
    EXPECT_EQ(source->count(), 50'001u);
    std::string value;
    source->next(value);
    EXPECT_EQ(source->count(), 50'001u);
}

TEST_F(RecordsTest, TheLastSourceVariesFastest) {
    EXPECT_THAT(
        all_of(lists({{"1", "2"}, {"a", "b"}, {"x"}})),
        ElementsAre(Values{"1", "a", "x"}, Values{"1", "b", "x"}, Values{"2", "a", "x"}, Values{"2", "b", "x"}));
}

TEST_F(RecordsTest, AnEmptySourceCountsAsOneEmptyValue) {
    EXPECT_THAT(all_of(lists({{"1", "2"}, {}})), ElementsAre(Values{"1", ""}, Values{"2", ""}));
    EXPECT_THAT(all_of(lists({{}, {"a", "b"}})), ElementsAre(Values{"", "a"}, Values{"", "b"}));
    EXPECT_THAT(all_of(lists({{}, {}})), ElementsAre());
}

TEST_F(RecordsTest, LinkedSourcesEndWithTheShortest) {
    InputSettings settings = lists({{"1", "2", "3"}, {"a", "b"}, {"x", "y"}});
    settings.sources[1].linked = true;
    EXPECT_THAT(all_of(settings), ElementsAre(Values{"1", "a", "x"}, Values{"1", "a", "y"}, Values{"2", "b", "x"},
                                              Values{"2", "b", "y"}));
}

TEST_F(RecordsTest, LinkStartsShortSourcesAgain) {
    InputSettings settings = lists({{"1", "2", "3"}, {"a", "b"}, {"x"}});
    settings.link_all = true;
    EXPECT_THAT(all_of(settings), ElementsAre(Values{"1", "a", "x"}, Values{"2", "b", "x"}, Values{"3", "a", "x"}));
    settings = lists({{"1", "2"}, {}});
    settings.link_all = true;
    EXPECT_THAT(all_of(settings), ElementsAre(Values{"1", ""}, Values{"2", ""}));
}

TEST_F(RecordsTest, ABlockedSourceLosesNothing) {
    std::vector<LinkedSources> groups(1);
    groups[0].sources.push_back(list_source({"1", "2"}, ":::", {}));
    groups[0].sources.push_back(pipe_source());
    Combination combination(std::move(groups));
    Tuple tuple;
    EXPECT_EQ(combination.next(tuple), Pull::blocked);
    EXPECT_GE(combination.descriptor(), 0);
    send("a\nb\n");
    ASSERT_EQ(combination.next(tuple), Pull::value);
    EXPECT_EQ(tuple, (Tuple{"1", "a"}));
    ASSERT_EQ(combination.next(tuple), Pull::value);
    EXPECT_EQ(tuple, (Tuple{"2", "b"}));
    EXPECT_EQ(combination.next(tuple), Pull::end);
}

TEST_F(RecordsTest, HeaderNamesTheColumns) {
    InputSettings settings = lists({{"one,two", "1,2", "3,4"}});
    settings.header = true;
    settings.column_separator = ",";
    Records records(settings, store_);
    ASSERT_EQ(records.prepare(), Pull::value);
    EXPECT_THAT(records.header(), ElementsAre("one", "two"));
    EXPECT_EQ(records.count(), 2u);
    Values record;
    ASSERT_EQ(records.next(record), Pull::value);
    EXPECT_EQ(record, (Values{"1", "2"}));
}

TEST_F(RecordsTest, SkipsTheFirstLineWithoutNamingAnything) {
    InputSettings settings = lists({{"head", "1"}});
    settings.skip_first_line = true;
    Records records(settings, store_);
    ASSERT_EQ(records.prepare(), Pull::value);
    EXPECT_THAT(records.header(), ElementsAre());
    Values record;
    ASSERT_EQ(records.next(record), Pull::value);
    EXPECT_EQ(record, Values{"1"});
}

TEST_F(RecordsTest, TrimsWhatItIsToldTo) {
    InputSettings settings = lists({{" \ta b\n "}});
    EXPECT_THAT(all_of(settings), ElementsAre(Values{" \ta b\n "}));
    settings.trim = Trim::left;
    EXPECT_THAT(all_of(settings), ElementsAre(Values{"a b\n "}));
    settings.trim = Trim::right;
    EXPECT_THAT(all_of(settings), ElementsAre(Values{" \ta b"}));
    settings.trim = Trim::both;
    EXPECT_THAT(all_of(settings), ElementsAre(Values{"a b"}));
    settings = lists({{" \n "}});
    settings.trim = Trim::both;
    EXPECT_THAT(all_of(settings), ElementsAre(Values{""}));
}

TEST_F(RecordsTest, ShowsNul) {
    Records records(lists({{std::string("a\0b", 3)}}), store_);
    Values record;
    ASSERT_EQ(records.next(record), Pull::value);
    EXPECT_EQ(record, Values{"a\\0b"});
    EXPECT_THAT(records.take_warnings(), ElementsAre(testing::HasSubstr("NUL")));
}

TEST_F(RecordsTest, WhatIsPutBackComesNext) {
    Records records(lists({{"1", "2"}}), store_);
    Values record;
    ASSERT_EQ(records.next(record), Pull::value);
    EXPECT_EQ(record, Values{"1"});
    records.put_back(record);
    ASSERT_EQ(records.next(record), Pull::value);
    EXPECT_EQ(record, Values{"1"});
    ASSERT_EQ(records.next(record), Pull::value);
    EXPECT_EQ(records.next(record), Pull::end);
}

Values columns(const std::string& separator, std::string_view record) {
    Values result;
    ColumnSplitter(separator).split(record, result);
    return result;
}

TEST(ColumnSplitter, SplitsAtPlainText) {
    EXPECT_EQ(columns(",", "a,,b,"), (Values{"a", "", "b", ""}));
    EXPECT_EQ(columns("\\t", "a\tb"), (Values{"a", "b"}));
    EXPECT_EQ(columns("ab", "1ab2aab3"), (Values{"1", "2a", "3"}));
    EXPECT_EQ(columns(",", ""), Values{""});
}

TEST(ColumnSplitter, SplitsAtExpressions) {
    EXPECT_EQ(columns("[,;]\\s*", "a, b;c"), (Values{"a", "b", "c"}));
    EXPECT_EQ(columns("\\|", "a|b"), (Values{"a", "b"}));
    EXPECT_EQ(columns("\\s+", " a  b"), (Values{"", "a", "b"}));
    EXPECT_EQ(columns(" *", "ab c"), (Values{"a", "b", "c"}));
    EXPECT_EQ(columns("", "abc"), (Values{"a", "b", "c"}));
    EXPECT_EQ(columns("x+", ""), Values{""});
}

TEST(ColumnSplitter, SaysWhatIsWrongWithAnExpression) {
    try {
        ColumnSplitter("a(b");
        ADD_FAILURE() << "accepted";
    } catch (const std::invalid_argument& error) {
        EXPECT_THAT(error.what(), HasSubstr("'a(b'"));
    }
}

TEST(ColumnSplitter, SaysWhereAnExpressionCannotBeLookedFor) {
    const std::string many(40, 'a');
    for (const auto& [separator, record, why] :
         {std::tuple{"(a*)*b|,", many + ",xb,c", "match limit"},
          std::tuple{"(?(DEFINE)(?<x>ab\\K))(?=(?&x))", std::string("abab"), "ends before"}}) {
        try {
            columns(separator, record);
            ADD_FAILURE() << separator;
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(), AllOf(HasSubstr(separator), HasSubstr(record), HasSubstr(why)));
        }
    }
}

// More than a RecordSpool keeps in memory, with empty values and records of several.
std::vector<Values> many_records() {
    std::vector<Values> all;
    for (int i = 0; i < 6000; ++i)
        all.push_back({std::to_string(i), "", std::string(1000, static_cast<char>('a' + i % 26))});
    return all;
}

std::vector<Values> through_spool(const std::string& folder, bool shuffle, const std::vector<Values>& records) {
    RecordSpool spool(folder, shuffle);
    for (const Values& record : records) spool.add(record);
    spool.finish();
    EXPECT_EQ(spool.size(), records.size());
    std::vector<Values> all;
    for (Values record; spool.next(record);) all.push_back(record);
    return all;
}

TEST_F(RecordsTest, SpoolKeepsTheOrder) {
    std::vector<Values> few = {{"a", "b"}, {""}, {std::string("\0\n", 2)}};
    EXPECT_EQ(through_spool(folder_, false, few), few);
    EXPECT_TRUE(through_spool(folder_, false, many_records()) == many_records());
    EXPECT_TRUE(through_spool(folder_, true, {}).empty());
}

TEST_F(RecordsTest, SpoolShufflesAndLosesNothing) {
    std::vector<Values> shuffled = through_spool(folder_, true, many_records());
    std::vector<Values> expected = many_records();
    EXPECT_FALSE(shuffled == expected);
    std::sort(shuffled.begin(), shuffled.end());
    std::sort(expected.begin(), expected.end());
    EXPECT_TRUE(shuffled == expected);
}

TEST_F(RecordsTest, ReadAheadKnowsTheNumberOfRecords) {
    InputSettings settings = lists({{"1", "2", "3"}});
    settings.read_ahead = true;
    settings.trim = Trim::both;
    EXPECT_THAT(all_of(settings), ElementsAre(Values{"1"}, Values{"2"}, Values{"3"}));
}

const Batches::Fits always = [](const Arguments&) { return true; };

TEST_F(RecordsTest, BatchesTakeSoManyRecords) {
    EXPECT_THAT(batches_of(lists({{"1", "2", "3"}}), {.records = 2}, always),
                ElementsAre(Values{"1", "2"}, Values{"3"}));
    EXPECT_THAT(batches_of(lists({{"1", "2"}}), {.records = 1}, always), ElementsAre(Values{"1"}, Values{"2"}));
    EXPECT_THAT(batches_of(lists({{}}), {.records = 2}, always), ElementsAre());
}

TEST_F(RecordsTest, BatchesTakeWhatFitsAndAtLeastOneRecord) {
    auto four_characters = [](const Arguments& arguments) {
        std::size_t size = 0;
        for (const std::string& value : arguments.values) size += value.size();
        return size <= 4;
    };
    EXPECT_THAT(batches_of(lists({{"12", "34", "5", "67890", "1"}}), {.records = 0}, four_characters),
                ElementsAre(Values{"12", "34"}, Values{"5"}, Values{"67890"}, Values{"1"}));
    EXPECT_THAT(batches_of(lists({{"12", "34", "5"}}), {.records = 3}, four_characters),
                ElementsAre(Values{"12", "34"}, Values{"5"}));
}

TEST_F(RecordsTest, BatchesSpreadWhatIsLeft) {
    EXPECT_THAT(batches_of(lists({{"1", "2", "3", "4", "5", "6", "7"}}), {.records = 0, .spread = 3}, always),
                ElementsAre(Values{"1", "2", "3"}, Values{"4", "5", "6"}, Values{"7"}));
    EXPECT_THAT(batches_of(lists({{"1", "2"}}), {.records = 0, .spread = 8}, always),
                ElementsAre(Values{"1"}, Values{"2"}));
}

TEST_F(RecordsTest, BatchesSpreadTheLastOneThoughItIsFull) {
    EXPECT_THAT(batches_of(lists({{"1", "2", "3", "4"}}), {.records = 2, .spread = 3}, always),
                ElementsAre(Values{"1", "2"}, Values{"3"}, Values{"4"}));
    EXPECT_THAT(batches_of(lists({{"1", "2", "3", "4"}}), {.records = 2}, always),
                ElementsAre(Values{"1", "2"}, Values{"3", "4"}));
}

TEST_F(RecordsTest, BatchesMakeAJobForEachRecordThatGetsNoneOfIt) {
    EXPECT_THAT(batches_of(lists({{"1", "2"}}), {.records = 1, .without_values = true}, always),
                ElementsAre(Values{}, Values{}));
}

TEST_F(RecordsTest, BatchesWaitForTheRestOfABatch) {
    Records records(piped(), store_);
    Batches batches(records, {.records = 2}, always);
    Arguments arguments;
    send("a\n");
    EXPECT_EQ(batches.next(arguments), Pull::blocked);
    send("b\n");
    ASSERT_EQ(batches.next(arguments), Pull::value);
    EXPECT_EQ(arguments.values, (Values{"a", "b"}));
}

TEST_F(RecordsTest, BatchesThatAreSpreadWaitForWhatComesAfterAFullOne) {
    Records records(piped(), store_);
    Batches batches(records, {.records = 2, .spread = 2}, always);
    Arguments arguments;
    send("a\nb\n");
    EXPECT_EQ(batches.next(arguments), Pull::blocked);
    send("c\n");
    ASSERT_EQ(batches.next(arguments), Pull::value);
    EXPECT_EQ(arguments.values, (Values{"a", "b"}));
    EXPECT_EQ(batches.next(arguments), Pull::blocked);
    send("d\n");
    EXPECT_EQ(batches.next(arguments), Pull::blocked);
    write_end_ = {};
    ASSERT_EQ(batches.next(arguments), Pull::value);
    EXPECT_EQ(arguments.values, (Values{"c"}));
    ASSERT_EQ(batches.next(arguments), Pull::value);
    EXPECT_EQ(arguments.values, (Values{"d"}));
    EXPECT_EQ(batches.next(arguments), Pull::end);
}

}  // namespace
}  // namespace haid::command
