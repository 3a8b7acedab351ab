// How the members of structs are found: all of it at compile time.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "haid/detail/codec/aggregate.hpp"

namespace haid::detail {
namespace {

struct NoDefault {
    NoDefault(int) {}
};
struct ExplicitDefault {
    explicit ExplicitDefault() {}
};
struct Inner {
    int numbers[3];
    double value;
};

struct None {};
struct One {
    int a;
};
struct LargeArrays {
    double large[1'000'000];
    std::string text;
    char letters[3][4];
};
struct OneWithoutDefault {
    std::tuple<bool, std::string> a;
    std::optional<int> b;
    NoDefault c;
    std::vector<int> d;
};
struct Defaulted {
    int a;
    NoDefault b = NoDefault(3);
    int c;
    NoDefault d = 4;
};
struct Explicit {
    ExplicitDefault a;
    int b;
};
struct ArrayOfOneWithoutDefault {
    NoDefault a[1];
    int b;
};
struct InnerWithoutDefault {
    Inner a;
    NoDefault b;
    Inner c;
};
struct BitFields {
    int a : 3;
    unsigned b : 4;
    bool c : 1;
};
struct Constants {
    const int a;
    const std::string b;
};
struct Pointers {
    int* a;
    void (*b)();
    int One::*c;
    std::unique_ptr<Pointers> d;
};
struct ConstReference {
    const int& a;
    int b;
};
struct ThirtyTwo {
    int a[32];
    int b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, ab, ac, ad, ae, af;
};

static_assert(count_members<None>() == 0);
static_assert(count_members<One>() == 1);
static_assert(count_members<Inner>() == 2);
static_assert(count_members<LargeArrays>() == 3);
static_assert(count_members<OneWithoutDefault>() == 4);
static_assert(count_members<Defaulted>() == 4);
static_assert(count_members<Explicit>() == 2);
static_assert(count_members<ArrayOfOneWithoutDefault>() == 2);
static_assert(count_members<InnerWithoutDefault>() == 3);
static_assert(count_members<BitFields>() == 3);
static_assert(count_members<Constants>() == 2);
static_assert(count_members<Pointers>() == 4);
static_assert(count_members<ConstReference>() == 2);
static_assert(count_members<ThirtyTwo>() == 32);
static_assert(std::is_same_v<Members<LargeArrays>, Types<double[1'000'000], std::string, char[3][4]>>);
static_assert(std::is_same_v<Members<BitFields>, Types<int, unsigned, bool>>);
static_assert(std::is_same_v<Members<Constants>, Types<const int, const std::string>>);
static_assert(std::is_same_v<Members<ConstReference>, Types<const int&, int>>);

struct ArrayBeforeNoDefault {
    int a[3];
    NoDefault b;
};
struct ArrayAfterNoDefault {
    NoDefault a;
    int b[3];
};
struct ArrayOfNoDefaults {
    NoDefault a[3];
    int b;
};
struct Derived : One {
    int b;
};
struct DerivedFromNone : None {
    int b;
};
struct AnonymousUnion {
    int a;
    union {
        int b;
        float c;
    };
};
struct NamedUnion {
    NoDefault a;
    union {
        int x;
        float y;
    } b;
    int c;
};
struct UnionFirst {
    union {
        int x;
        float y;
    } a;
    NoDefault b;
};
struct Reference {
    int& a;
};
struct ThirtyThree {
    ThirtyTwo a;
    int b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, ab, ac, ad, ae, af, ag, ah;
};

static_assert(count_members<ArrayBeforeNoDefault>() == unknown);
static_assert(count_members<ArrayAfterNoDefault>() == unknown);
static_assert(count_members<ArrayOfNoDefaults>() == unknown);
static_assert(count_members<Derived>() == unknown);
static_assert(count_members<DerivedFromNone>() == unknown);
static_assert(count_members<AnonymousUnion>() == unknown);
static_assert(count_members<NamedUnion>() == unknown);
static_assert(count_members<UnionFirst>() == unknown);
static_assert(count_members<Reference>() == unknown);
static_assert(count_members<ThirtyThree>() == unknown);

TEST(CodecAggregate, MembersAreFoundWhenThisIsCompiled) {
    EXPECT_EQ(count_members<Inner>(), 2);
}

}  // namespace
}  // namespace haid::detail
