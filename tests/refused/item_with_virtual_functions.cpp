// expect: haid: the items, or arguments, cannot cross to another process
// expect: Shape
#include <haid/pool.hpp>
#include <vector>

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const;
};
double area(const Shape& shape);

void send(haid::Pool& pool, const std::vector<Shape>& shapes) {
    for (auto& result : pool.imap(area, shapes)) static_cast<void>(result);
}
