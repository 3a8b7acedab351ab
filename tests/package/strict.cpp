// A user's program under all warnings, whose namespace has functions with the names of all that haid's headers call:
// none is to be found for it. `names_of_others.hpp` is made by test_package.py.
#include <haid/haid.hpp>

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "names_of_others.hpp"

namespace theirs {

struct Point {
    int x = 0;
    int y = 0;
};

struct Record {
    std::string name;
    std::vector<Point> points;
    std::map<std::string, Point> by_name;
    std::optional<Point> last;
    std::variant<int, Point> choice;
    std::unique_ptr<Point> own;
    Point few[2];
};

struct Named {
    std::string name;
    bool operator==(const Named&) const = default;
};

class Closed {
  public:
    Closed() = default;
    explicit Closed(std::string text) : text_(std::move(text)) {}
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

struct Add {
    int by = 0;
    Point operator()(Point point) const { return {point.x + by, point.y + by}; }
};

struct Items : std::vector<Point> {
    using std::vector<Point>::vector;
};

inline Record record_of(const Point& point) {
    Record record;
    record.name = "p";
    record.points.assign(3, point);
    record.by_name.emplace("first", point);
    record.last = point;
    record.choice = point;
    record.own = std::make_unique<Point>(point);
    return record;
}

inline int sum(const Point& point) {
    return point.x + point.y;
}
inline int add_up(const Point& first, const Point& second) {
    return first.x + second.y;
}

}  // namespace theirs

template <>
struct haid::Codec<theirs::Closed> {
    static void encode(Encoder& to, const theirs::Closed& value) { haid::encode(to, value.text()); }
    static theirs::Closed decode(Decoder& from) { return theirs::Closed(haid::decode<std::string>(from)); }
};

namespace {

template <class AnyPool>
int use(AnyPool& pool, const theirs::Items& items) {
    int total = 0;
    for (const int one : pool.map(theirs::sum, items)) total += one;
    for (const theirs::Point& point : pool.map(theirs::Add{1}, items)) total += theirs::sum(point);
    for (const theirs::Record& record : pool.map(theirs::record_of, items))
        total += record.few[0].x + record.points[2].y;
    const std::vector<std::tuple<theirs::Point, theirs::Point>> pairs{{items[0], items[1]}};
    total += pool.starmap(theirs::add_up, pairs).front();
    for (auto& result : pool.map_results(theirs::sum, items, {.retries = 1})) total += *result;
    for (auto& result : pool.starmap_results(theirs::add_up, pairs)) total += *result;
    for (auto& result : pool.imap(theirs::sum, items, {.buffer_size = 2})) total += *result;
    for (auto& result : pool.imap_unordered(theirs::record_of, items)) total += result->last->x;
    total += pool.apply(theirs::add_up, items[0], items[1]);
    total += pool.map_async(theirs::Add{2}, items).get().back().y;
    total += pool.starmap_async(theirs::add_up, pairs).get().back();
    total += pool.apply_async(theirs::add_up, std::tuple{items[0], items[1]}).get();
    const auto closed = [](const theirs::Point& point) {
        return theirs::Closed(std::string(static_cast<std::size_t>(point.x), 'x'));
    };
    for (const theirs::Closed& one : pool.map(closed, items)) total += static_cast<int>(one.text().size());
    return total;
}

}  // namespace

int main() {
    const theirs::Items items{{1, 2}, {3, 4}};
    haid::Pool pool(2);
    haid::ThreadPool threads(2);
    int total = use(pool, items) + use(threads, items);
    int by = 5;
    for (const theirs::Point& point : haid::map(
             [&by](theirs::Point one) {
                 return theirs::Point{one.x + by, one.y};
             },
             items)) {
        total += point.x;
    }
    haid::Value<theirs::Point> value(theirs::Point{});
    haid::Lock lock;
    haid::for_each([&](const theirs::Point& point) { value.update([&](theirs::Point& all) { all.x += point.x; }); },
                   items);
    total += value.load().x;
    haid::Queue<theirs::Record> queue;
    haid::SharedArray<theirs::Point> shared(2);
    auto [here, there] = haid::Pipe();
    haid::Process process([&, &end = there] {
        queue.put(theirs::record_of(items[0]));
        end.send(theirs::Named{"named"});
        shared[1] = items[1];
    });
    process.start();
    total += queue.get().last->y + static_cast<int>(here.recv<theirs::Named>().name.size());
    process.join();
    total += shared[1].x;
    std::cout << total << '\n';
}
