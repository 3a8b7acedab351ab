#include "command/template.hpp"

#include <gtest/gtest.h>
#include <libgen.h>

#include <random>

namespace haid::command {
namespace {

Arguments arguments(const std::vector<std::vector<std::string>>& records) {
    Arguments all;
    for (const auto& record : records) all.append(record);
    return all;
}

std::string filled(const std::vector<std::string>& words, const std::vector<std::string>& values,
                   const TemplateSettings& settings = {}) {
    return Template::command(words, settings).fill(arguments({values}), 7, 2);
}

std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t longest) {
    std::string text(random() % (longest + 1), ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    return text;
}

TEST(Transform, GivesThePartsOfAPath) {
    EXPECT_EQ(transform("dir/a.txt", Transform::none), "dir/a.txt");
    EXPECT_EQ(transform("dir/a.txt", Transform::no_extension), "dir/a");
    EXPECT_EQ(transform("dir/a.txt", Transform::base), "a.txt");
    EXPECT_EQ(transform("dir/a.txt", Transform::folder), "dir");
    EXPECT_EQ(transform("dir/a.txt", Transform::base_no_extension), "a");
}

TEST(Transform, TakesNoDotOfAFolderForAnExtension) {
    EXPECT_EQ(transform("dir.d/a", Transform::no_extension), "dir.d/a");
    EXPECT_EQ(transform("dir.d/a", Transform::base_no_extension), "a");
}

TEST(Transform, RemovesOnlyTheLastExtension) {
    EXPECT_EQ(transform("a.tar.gz", Transform::no_extension), "a.tar");
    EXPECT_EQ(transform("no_dot", Transform::no_extension), "no_dot");
}

TEST(Transform, KnowsTheFolderOfAnyPath) {
    EXPECT_EQ(transform("plain", Transform::folder), ".");
    EXPECT_EQ(transform("", Transform::folder), ".");
    EXPECT_EQ(transform("/", Transform::folder), "/");
    EXPECT_EQ(transform("/file", Transform::folder), "/");
    EXPECT_EQ(transform("a//b", Transform::folder), "a");
    EXPECT_EQ(transform("x/", Transform::folder), ".");
}

TEST(Transform, AgreesWithDirnameOnRandomPaths) {
    std::mt19937 random(1);
    for (int i = 0; i < 5000; ++i) {
        std::string path = random_text(random, "ab./", 8);
        if (path.starts_with("//")) continue;  // POSIX leaves open what two slashes mean
        std::string copy = path;
        EXPECT_EQ(transform(path, Transform::folder), ::dirname(copy.data())) << "path: " << path;
    }
}

TEST(Template, AppendsTheValueWhereNoReplacementStringIsGiven) {
    EXPECT_EQ(filled({"echo", "-n"}, {"a"}), "echo -n a");
}

TEST(Template, TakesTheInputAsTheCommandWhereNoWordsAreGiven) {
    EXPECT_EQ(filled({}, {"echo a | tr a b"}), "echo a | tr a b");
}

TEST(Template, QuotesValuesForTheShell) {
    EXPECT_EQ(filled({"echo", "{}"}, {"a b; rm *"}), "echo 'a b; rm *'");
    EXPECT_EQ(filled({"echo x{.}"}, {"a b.c"}), "echo x'a b'");
    EXPECT_EQ(filled({"echo"}, {""}), "echo ''");
}

TEST(Template, LeavesInputThatIsTheCommandUnquoted) {
    EXPECT_EQ(filled({"{}", "x"}, {"echo a;"}), "echo a; x");
    EXPECT_EQ(filled({"./{}"}, {"run a"}), "./run a");
    EXPECT_EQ(filled({"V={}", "env"}, {"a b"}), "V='a b' env");
}

TEST(Template, ReplacesEveryString) {
    EXPECT_EQ(filled({"c", "{}", "{.}", "{/}", "{//}", "{/.}", "{#}", "{%}"}, {"d/a.x"}), "c d/a.x d/a a.x d a 7 2");
}

TEST(Template, ReplacesPositionsFromBothEnds) {
    EXPECT_EQ(filled({"c", "{1}-{2}-{-1}", "{2.}", "{-1/}", "{2//}", "{2/.}"}, {"one", "d/two.x", "three"}),
              "c one-d/two.x-three d/two three d two");
    EXPECT_EQ(filled({"c", "[{4}]"}, {"one", "two"}), "c []");
    EXPECT_EQ(filled({"c", "[{-3}]"}, {"one", "two"}), "c []");
}

TEST(Template, LeavesWhatIsNoReplacementString) {
    EXPECT_EQ(filled({"c", "{1#}", "{x}", "{", "{}", "}{1"}, {"v"}), "c {1#} {x} { v }{1");
}

TEST(Template, KnowsTheNamesOfColumns) {
    TemplateSettings settings;
    settings.names = {"file", "size"};
    EXPECT_EQ(filled({"c", "{size}", "{file/.}", "{colour}"}, {"d/a.x", "5"}, settings), "c 5 a {colour}");
}

TEST(Template, FollowsStringsOfTheUser) {
    TemplateSettings settings;
    settings.strings.value = ",,";
    settings.strings.base = ",,,";
    EXPECT_EQ(filled({"c", ",,", ",,,", "{}"}, {"d/a"}, settings), "c d/a a {}");
}

TEST(Template, PutsAllValuesWhereOneStringStands) {
    Template many = Template::command({"c", "x{}y", "{2}"}, {});
    EXPECT_EQ(many.fill(arguments({{"1"}, {"2 2"}, {"3"}}), 1, 1), "c x1 '2 2' 3y '2 2'");
}

TEST(Template, RepeatsTheWordAroundAString) {
    TemplateSettings settings;
    settings.repeat_context = true;
    Template many = Template::command({"c", "x{}y", "z"}, settings);
    EXPECT_EQ(many.fill(arguments({{"1"}, {"2"}}), 1, 1), "c x1y x2y z");
}

TEST(Template, QuotesWholeWordsOnRequest) {
    TemplateSettings settings;
    settings.quote_words = true;
    EXPECT_EQ(filled({"printf", "%s;", "", "a {}"}, {"b'"}, settings), "printf '%s;' '' 'a b'\"'\"");
}

TEST(Template, LeavesValuesInATextAsTheyAre) {
    EXPECT_EQ(Template::text("{#}: {}\t", {}).fill(arguments({{"a b"}}), 3, 1), "3: a b\t");
    EXPECT_FALSE(Template::text("plain", {}).has_replacements());
}

TEST(Template, NamesTheScriptWhereScriptsAreRun) {
    TemplateSettings settings;
    EXPECT_EQ(Template::text("{script}", settings).fill({}, 1, 1), "{script}");
    settings.scripts = true;
    Arguments with_script = arguments({{"x y"}});
    with_script.script = "a b/fit.py";
    Template text = Template::text("{script} {script.} {script/} {script//} {script/.} {}", settings);
    EXPECT_EQ(text.fill(with_script, 1, 1), "a b/fit.py a b/fit fit.py a b fit x y");
    EXPECT_TRUE(text.uses(Template::Kind::script));
    EXPECT_FALSE(text.uses(Template::Kind::sequence));
    EXPECT_EQ(Template::command({"echo", "{script}", "{}"}, settings).fill(with_script, 1, 1),
              "echo 'a b/fit.py' 'x y'");
    settings.names = {"script"};
    EXPECT_EQ(Template::text("{script}", settings).fill(with_script, 1, 1), "x y");
}

TEST(Template, AWordForAValueIsNoWordWithoutOne) {
    for (bool repeat : {false, true}) {
        TemplateSettings settings;
        settings.quote_words = true;
        settings.repeat_context = repeat;
        EXPECT_EQ(Template::command({"echo", "{}", "end"}, settings).fill({}, 1, 1), "echo end");
        EXPECT_EQ(Template::command({"echo", "a{}b"}, settings).fill({}, 1, 1), "echo ab");
        EXPECT_EQ(Template::command({"echo"}, settings).fill({}, 1, 1), "echo");
    }
}

TEST(Template, SaysWhetherTheSlotMatters) {
    EXPECT_TRUE(Template::command({"c", "{%}"}, {}).uses_slot());
    EXPECT_FALSE(Template::command({"c", "{#}", "{}"}, {}).uses_slot());
}

TEST(Template, NeverGrowsByMoreThanItSays) {
    std::mt19937 random(2);
    const std::vector<std::vector<std::string>> commands = {
        {"c"}, {"c", "x{}y", "{.}"}, {"c", "{//}", "it's {/.}"}, {"{}", "b b"}, {"c", "{}{}", "\t{/}{#}"}};
    for (int i = 0; i < 2000; ++i) {
        TemplateSettings settings;
        settings.repeat_context = random() % 2 == 0;
        settings.quote_words = random() % 2 == 0;
        Template made = Template::command(commands[random() % commands.size()], settings);
        Arguments values = arguments({{random_text(random, "a ./'\n", 6)}});
        std::string before = made.fill(values, 1, 1);
        std::string value = random_text(random, "a ./'\n", 6);
        values.append({value});
        EXPECT_LE(made.fill(values, 1, 1).size(), before.size() + made.most_growth(value))
            << "from: " << before << "\nto: " << made.fill(values, 1, 1);
    }
}

}  // namespace
}  // namespace haid::command
