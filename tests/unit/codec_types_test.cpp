// Which types can cross, and which are flat: all of it at compile time.
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string_view>
#include <system_error>
#include <thread>
#include <typeindex>

#include "codec_values.hpp"
#include "haid/codec.hpp"

namespace haid {
namespace {

using namespace values;

struct WithPointer {
    int number;
    double* data;
};
struct WithInnerPointer {
    std::string name;
    std::vector<WithPointer> parts;
};
struct WithReference {
    const int& number;
};
struct WithView {
    std::string_view text;
};
struct WithPointers {
    int* pointers[4];
};
struct WithUnion {
    int kind;
    union {
        int number;
        int* pointer;
    };
};
struct WithAtomic {
    std::atomic<int> number;
};
struct Base {
    int number;
};
struct Derived : Base {
    int other;
};
struct Polymorphic {
    virtual ~Polymorphic() = default;
};
struct TooWide {
    Wide wide;
    int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, ab, ac, ad, ae, af;
};
struct Large {
    double numbers[100'000];
    int counts[300][300];
};
struct ManyDates {
    Date dates[3];
    std::string text;
};
class Incomplete;
struct Array {
    int numbers[3];
};
template <class T>
struct TrueOf {
    T value;
};

static_assert(flat<int> && flat<const int> && flat<double> && flat<char> && flat<std::byte> && flat<Colour>);
static_assert(flat<Point> && flat<Date> && flat<Empty> && flat<Large> && flat<int[3]> && flat<std::array<Point, 3>>);
static_assert(flat<std::pair<int, double>> && flat<std::tuple<int, Point>> && flat<std::complex<float>>);
static_assert(flat<std::chrono::nanoseconds> && flat<std::chrono::steady_clock::time_point>);
static_assert(!flat<bool> && !flat<Yes> && !flat<TrueOf<bool>> && !flat<std::pair<bool, int>> && !flat<bool[2]>);
static_assert(!flat<std::optional<int>> && !flat<std::variant<int>> && !flat<std::bitset<3>> && !flat<int*>);
static_assert(!flat<std::string> && !flat<Handle> && !flat<Nothing> && !flat<Flags> && !flat<WithPointer>);
static_assert(!flat<std::string_view> && !flat<void> && !flat<std::pair<const int&, int>>);

static_assert(Crossable<Rich> && Crossable<Tree> && Crossable<Sample> && Crossable<const Grid> && Crossable<Secret>);
static_assert(Crossable<Handle> && Crossable<std::vector<Handle>> && Crossable<TrueOf<std::vector<bool>>>);
static_assert(Crossable<std::unique_ptr<Tree>> && Crossable<std::map<std::string, std::unique_ptr<int>>>);

static_assert(!Crossable<void> && !Crossable<int&> && !Crossable<int*> && !Crossable<int[3]> && !Crossable<int[]>);
static_assert(!Crossable<void()> && !Crossable<void (*)()> && !Crossable<int Point::*> && !Crossable<std::nullptr_t>);
static_assert(!Crossable<void (Date::*)()> && !Crossable<volatile int> && !Crossable<const char*>);
static_assert(!Crossable<std::string_view> && !Crossable<std::span<int>> && !Crossable<std::reference_wrapper<int>>);
static_assert(!Crossable<std::shared_ptr<int>> && !Crossable<std::weak_ptr<int>> && !Crossable<std::function<void()>>);
static_assert(!Crossable<std::vector<int>::iterator> && !Crossable<std::list<int>::iterator>);
static_assert(!Crossable<std::initializer_list<int>> && !Crossable<std::error_code> && !Crossable<std::type_index>);
static_assert(!Crossable<std::mutex> && !Crossable<std::atomic<int>> && !Crossable<std::thread>);
static_assert(!Crossable<std::unique_ptr<int[]>> && !Crossable<std::unique_ptr<int, void (*)(int*)>>);
static_assert(!Crossable<std::unique_ptr<Polymorphic>> && !Crossable<std::unique_ptr<Incomplete>>);
static_assert(!Crossable<Incomplete> && !Crossable<Polymorphic> && !Crossable<std::exception_ptr>);
static_assert(!Crossable<std::set<int, bool (*)(int, int)>> &&
              !Crossable<std::set<int, std::function<bool(int, int)>>>);
static_assert(!Crossable<WithPointer> && !Crossable<WithInnerPointer> && !Crossable<WithReference>);
static_assert(!Crossable<WithView> && !Crossable<WithPointers> && !Crossable<WithUnion> && !Crossable<WithAtomic>);
static_assert(!Crossable<Derived> && !Crossable<TooWide> && !Crossable<ManyDates>);
static_assert(!Crossable<std::vector<int*>> && !Crossable<std::map<int, std::string_view>>);
static_assert(!Crossable<std::pair<int&, int>> && !Crossable<std::tuple<int, const char*>>);
static_assert(!Crossable<std::optional<int*>> && !Crossable<std::variant<int, int*>> &&
              !Crossable<std::array<int*, 2>>);

TEST(CodecTypes, LambdasThatCaptureAreRefused) {
    int number = 0;
    const auto by_value = [number] { return number; };
    const auto by_reference = [&number] { return number; };
    static_assert(!Crossable<decltype(by_value)> && !Crossable<decltype(by_reference)>);
    const auto generic = [number](auto x) { return x + number; };
    static_assert(!Crossable<decltype(generic)>);
    const auto within = [&] {
        struct Local {
            int value;
        };
        static_assert(flat<Local> && flat<TrueOf<Local>>);
        const auto captures = [number] { return number; };
        static_assert(!Crossable<decltype(captures)> && !Crossable<TrueOf<decltype(captures)>>);
    };
    within();
    const auto plain = [](int x) { return x; };
    static_assert(Crossable<decltype(plain)>);
}

}  // namespace
}  // namespace haid
