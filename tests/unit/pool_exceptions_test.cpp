// What was thrown is what is caught: the standard's types with all that they say, bases, users' own types, nested ones.
#include <gtest/gtest.h>

#include <any>
#include <filesystem>
#include <fstream>
#include <future>
#include <regex>
#include <string>
#include <system_error>
#include <typeinfo>
#include <vector>

#include "haid/exception.hpp"
#include "haid/map.hpp"
#include "haid/pool.hpp"
#include "pool/exceptions.hpp"
#include "pool_fixture.hpp"

namespace haid {

// Not in an anonymous namespace: g++ says "{anonymous}" where clang says "(anonymous namespace)".
namespace thrown {

struct Negative : std::out_of_range {
    using std::out_of_range::out_of_range;
};
struct VeryNegative : Negative {
    VeryNegative() : Negative("very negative") {}
};
struct Late : TimeoutError {
    using TimeoutError::TimeoutError;
};
struct Exhausted : std::bad_alloc {
    const char* what() const noexcept override { return "exhausted"; }
};
struct Plain : std::exception {
    const char* what() const noexcept override { return "plain"; }
};
struct Both : std::out_of_range, std::nested_exception {
    using std::out_of_range::out_of_range;
};

class Category : public std::error_category {
  public:
    const char* name() const noexcept override { return "weather"; }
    std::string message(int value) const override { return value == 3 ? "it rains" : "it is dry"; }
    std::error_condition default_error_condition(int value) const noexcept override {
        return value == 3 ? std::errc::operation_canceled : std::error_condition(value, *this);
    }
};
const Category category;

// -- registered

class ParseError : public std::runtime_error {
  public:
    ParseError(const std::string& what, int where, std::vector<std::string> expected)
        : std::runtime_error(what), line(where), expected_(std::move(expected)) {}
    const std::vector<std::string>& expected() const noexcept { return expected_; }
    int line;

  private:
    std::vector<std::string> expected_;
};
inline const bool parse_errors =
    crossing_exception<ParseError>(&ParseError::what, &ParseError::line, &ParseError::expected);

struct DeepParseError : ParseError {
    DeepParseError() : ParseError("deep", 7, {"x"}) {}
};

struct ByMessage : std::logic_error {
    explicit ByMessage(const std::string& text) : std::logic_error("by message: " + text + " (sic)") {}
};
inline const bool by_message = crossing_exception<ByMessage>();

struct ByNothing : std::exception {
    const char* what() const noexcept override { return "by nothing"; }
};
inline const bool by_nothing = crossing_exception<ByNothing>();

struct NoError {
    int number;
    std::string text;
};
inline const bool no_error = crossing_exception<NoError>();

class Literal final : public std::exception {
  public:
    explicit Literal(const char* text) : text_(text) {}
    const char* what() const noexcept override { return text_.c_str(); }

  private:
    std::string text_;
};
inline const bool literal = crossing_exception<Literal>(&Literal::what);

struct Picky : std::out_of_range {
    explicit Picky(int value) : std::out_of_range("picky"), number(value) {
        if (value < 0) throw std::logic_error("not to be made of this");
    }
    int number;
};
inline const bool picky = crossing_exception<Picky>([](const Picky& error) { return -error.number; });

struct Large : std::range_error {
    explicit Large(const std::string& value) : std::range_error("large"), data(value) {}
    std::string data;
};
inline const bool large = crossing_exception<Large>(&Large::data);

}  // namespace thrown

namespace {

using namespace thrown;

void throw_one(int which) {
    switch (which) {
        case 0:
            throw Negative("negative");
        case 1:
            throw VeryNegative();
        case 2:
            throw Late("late");
        case 3:
            throw Exhausted();
        case 4:
            throw Plain();
        case 5:
            throw std::system_error(3, category, "outside");
        case 6:
            static_cast<void>(std::filesystem::file_size("/does/not/exist"));
            break;
        case 7:
            std::filesystem::rename("/does/not/exist", "/neither/does/this");
            break;
        case 8:
            throw std::future_error(std::future_errc::broken_promise);
        case 9:
            static_cast<void>(std::regex("("));
            break;
        case 10:
            static_cast<void>(std::any_cast<int>(std::any(1.5)));
            break;
        case 11: {
            std::ifstream file;
            file.exceptions(std::ios::failbit);
            file.open("/does/not/exist");
            break;
        }
        case 12:
            throw ParseError("a message", 42, {"a", "b"});
        case 13:
            throw DeepParseError();
        case 14:
            throw ByMessage("text");
        case 15:
            throw ByNothing();
        case 16:
            throw NoError{5, "five"};
        case 17:
            throw Literal("literal");
        case 18:
            throw Picky(3);
        case 19:
            throw Large(std::string(1'000'000, 'x'));
        case 20:
            throw std::system_error(std::make_error_code(std::errc::timed_out));
        default:
            break;
    }
}

// Throws E of `which` in a worker of a Pool, of haid::map, and once more: by a pool within a task.
template <class E, class Look>
void expect_arrives(int which, Look look) {
    SCOPED_TRACE(which);
    Pool pool(1);
    expect_thrown<E>([&] { pool.apply(throw_one, which); }, look);
    expect_thrown<E>([&] { haid::map(throw_one, std::vector{which, which}, {.workers = 1}); }, look);
    expect_thrown<E>(
        [&] { haid::map([](int one) { Pool(1).apply(throw_one, one); }, std::vector{which}, {.workers = 1}); }, look);
    expect_works(pool);
}

template <class E>
void expect_exactly(int which, const std::string& message) {
    expect_arrives<E>(which, [&](const E& error) {
        EXPECT_EQ(typeid(error), typeid(E));
        EXPECT_EQ(error.what(), message);
        EXPECT_EQ(dynamic_cast<const TaskOrigin*>(&error), nullptr);
    });
}
template <class Base>
void expect_as(int which, const std::string& message, const std::string& type) {
    expect_arrives<Base>(which, [&](const Base& error) {
        EXPECT_EQ(error.what(), message);
        const auto* origin = dynamic_cast<const TaskOrigin*>(&error);
        ASSERT_NE(origin, nullptr);
        EXPECT_EQ(origin->type(), type);
        EXPECT_EQ(origin->task(), 0U);
        EXPECT_EQ(origin->worker(), 0);
    });
}

class PoolExceptions : public PoolTest {};

TEST_F(PoolExceptions, ArriveAsTheNearestBaseThatIsKnown) {
    expect_as<std::out_of_range>(0, "negative", "haid::thrown::Negative");
    expect_as<std::out_of_range>(1, "very negative", "haid::thrown::VeryNegative");
    expect_as<TimeoutError>(2, "late", "haid::thrown::Late");
    expect_as<std::bad_alloc>(3, "exhausted", "haid::thrown::Exhausted");
    expect_as<TaskError>(4, "haid::thrown::Plain: plain", "haid::thrown::Plain");
    expect_as<ParseError>(13, "deep", "haid::thrown::DeepParseError");
    Pool pool(1);
    expect_thrown<TaskOrigin>([&] { pool.apply(throw_one, 1); },
                              [](const TaskOrigin& error) { EXPECT_EQ(error.type(), "haid::thrown::VeryNegative"); });
}

TEST_F(PoolExceptions, OfTheStandardKeepWhatTheySay) {
    expect_arrives<std::filesystem::filesystem_error>(6, [](const std::filesystem::filesystem_error& error) {
        EXPECT_EQ(typeid(error), typeid(std::filesystem::filesystem_error));
        EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
        EXPECT_EQ(error.path1(), "/does/not/exist");
        EXPECT_TRUE(error.path2().empty());
        EXPECT_STREQ(error.what(),
                     "filesystem error: cannot get file size: No such file or directory [/does/not/exist]");
    });
    expect_arrives<std::filesystem::filesystem_error>(
        7, [](const std::filesystem::filesystem_error& error) { EXPECT_EQ(error.path2(), "/neither/does/this"); });
    expect_arrives<std::future_error>(8, [](const std::future_error& error) {
        EXPECT_EQ(typeid(error), typeid(std::future_error));
        EXPECT_EQ(error.code(), std::future_errc::broken_promise);
    });
    std::string message;
    try {
        throw_one(9);
    } catch (const std::regex_error& error) {
        message = error.what();
    }
    expect_arrives<std::regex_error>(9, [&](const std::regex_error& error) {
        EXPECT_EQ(error.code(), std::regex_constants::error_paren);
        EXPECT_EQ(error.what(), message);
        EXPECT_EQ(dynamic_cast<const TaskOrigin*>(&error), nullptr);
    });
    expect_exactly<std::bad_any_cast>(10, std::bad_any_cast().what());
    expect_arrives<std::ios_base::failure>(11, [](const std::ios_base::failure& error) {
        EXPECT_EQ(error.code(), std::io_errc::stream);
        EXPECT_NE(std::string(error.what()).find("basic_ios::clear"), std::string::npos);
    });
    expect_exactly<std::system_error>(20, "Connection timed out");
}

TEST_F(PoolExceptions, KeepCodesOfAnyCategory) {
    std::error_code first;
    expect_arrives<std::system_error>(5, [&](const std::system_error& error) {
        EXPECT_EQ(typeid(error), typeid(std::system_error));
        EXPECT_STREQ(error.what(), "outside: it rains");
        EXPECT_EQ(error.code().value(), 3);
        EXPECT_STREQ(error.code().category().name(), "weather");
        EXPECT_EQ(error.code().message(), "it rains");
        EXPECT_EQ(error.code(), std::errc::operation_canceled);
        if (!first) first = error.code();
        EXPECT_EQ(error.code(), first);
    });
}

TEST_F(PoolExceptions, ThatWereRegisteredArriveAsThemselves) {
    expect_arrives<ParseError>(12, [](const ParseError& error) {
        EXPECT_EQ(typeid(error), typeid(ParseError));
        EXPECT_STREQ(error.what(), "a message");
        EXPECT_EQ(error.line, 42);
        EXPECT_EQ(error.expected(), (std::vector<std::string>{"a", "b"}));
    });
    expect_exactly<ByMessage>(14, "by message: text (sic)");
    expect_exactly<ByNothing>(15, "by nothing");
    expect_exactly<Literal>(17, "literal");
    Pool pool(1);
    try {
        pool.apply(throw_one, 16);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const NoError& thrown) {
        EXPECT_EQ(thrown.number, 5);
        EXPECT_EQ(thrown.text, "five");
    }
}

TEST_F(PoolExceptions, ThatCannotBeMadeAgainAreToldAllTheSame) {
    Pool pool(1);
    // Made in the caller, where the constructor refuses what it gets.
    expect_thrown<TaskError>([&] { pool.apply(throw_one, 18); },
                             [](const TaskError& error) { EXPECT_EQ(error.type(), "haid::thrown::Picky"); });
    expect_thrown<std::range_error>([&] { pool.apply(throw_one, 19); },
                                    [](const std::range_error& error) {
                                        EXPECT_STREQ(error.what(), "large");
                                        EXPECT_EQ(dynamic_cast<const Large*>(&error), nullptr);
                                    });
    expect_works(pool);
}

void nest(int depth) {
    if (depth == 0) throw Negative("innermost");
    try {
        nest(depth - 1);
    } catch (...) {
        if (depth == 1) std::throw_with_nested(std::system_error(EACCES, std::generic_category(), "one"));
        if (depth == 2) std::throw_with_nested(ParseError("two", 2, {}));
        if (depth == 3) throw Both("three");
        std::throw_with_nested(std::runtime_error(std::to_string(depth)));
    }
}

std::vector<std::string> chain_of(const std::exception& error) {
    std::vector<std::string> chain{error.what()};
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception& inner) {
        for (std::string& text : chain_of(inner)) chain.push_back(std::move(text));
    }
    return chain;
}

TEST_F(PoolExceptions, KeepTheirChain) {
    const std::vector<std::string> all{"5", "4", "three", "two", "one: Permission denied", "innermost"};
    Pool pool(1);
    const auto look = [&](const std::runtime_error& error) {
        EXPECT_EQ(chain_of(error), all);
        EXPECT_EQ(dynamic_cast<const TaskOrigin*>(&error), nullptr) << "throw_with_nested(runtime_error) is none";
    };
    expect_thrown<std::runtime_error>([&] { pool.apply(nest, 5); }, look);
    expect_thrown<std::runtime_error>([&] { haid::map(nest, std::vector{5}, {.workers = 1}); }, look);
    expect_thrown<std::runtime_error>([&] { haid::map([&](int) { Pool(1).apply(nest, 5); }, std::vector{5}); }, look);
    expect_thrown<std::out_of_range>([&] { pool.apply(nest, 3); },
                                     [&](const std::out_of_range& error) {
                                         EXPECT_EQ(dynamic_cast<const TaskOrigin&>(error).type(), "haid::thrown::Both");
                                         EXPECT_EQ(chain_of(error), std::vector(all.begin() + 2, all.end()));
                                     });
    expect_thrown<ParseError>([&] { pool.apply(nest, 2); },
                              [&](const ParseError& error) {
                                  EXPECT_EQ(error.line, 2);
                                  EXPECT_EQ(chain_of(error), std::vector(all.begin() + 3, all.end()));
                                  try {
                                      std::rethrow_if_nested(error);
                                  } catch (const std::system_error& inner) {
                                      EXPECT_EQ(inner.code(), std::errc::permission_denied);
                                  }
                              });
}

TEST_F(PoolExceptions, AreBoundedHoweverDeepAndLong) {
    Pool pool(1);
    auto deep = [](int depth) { nest(depth); };
    expect_thrown<std::runtime_error>([&] { pool.apply(deep, 1000); },
                                      [](const std::runtime_error& error) { EXPECT_EQ(chain_of(error).size(), 32U); });
    auto longest = [](int depth) {
        std::exception_ptr error = std::make_exception_ptr(std::runtime_error(std::string(1'000'000, 'x')));
        for (int i = 0; i < depth; ++i) {
            try {
                std::rethrow_exception(error);
            } catch (...) {
                try {
                    std::throw_with_nested(std::runtime_error(std::string(1'000'000, 'y')));
                } catch (...) {
                    error = std::current_exception();
                }
            }
        }
        std::rethrow_exception(error);
    };
    expect_thrown<std::runtime_error>([&] { pool.apply(longest, 100); },
                                      [](const std::runtime_error& error) {
                                          EXPECT_GE(chain_of(error).size(), 8U);
                                          EXPECT_EQ(std::string(error.what()).size(), 64U * 1024);
                                      });
    expect_works(pool);
}

TEST_F(PoolExceptions, AreUnderstoodOrRefusedWhateverTheBytes) {
    BufferEncoder whole;
    try {
        nest(5);
    } catch (...) {
        pool::encode_exception(whole, std::current_exception());
    }
    std::vector<std::byte> bytes(whole.bytes().begin(), whole.bytes().end());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_THROW(std::rethrow_exception(pool::decode_exception(std::span(bytes).first(size), 1, 2)), TaskError);
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (const int change : {1, 0x80, 0xff}) {
            auto changed = bytes;
            changed[at] ^= static_cast<std::byte>(change);
            EXPECT_THROW(std::rethrow_exception(pool::decode_exception(changed, 1, 2)), std::exception);
        }
    }
}

}  // namespace
}  // namespace haid
