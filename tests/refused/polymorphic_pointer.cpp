// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: unique_ptr<Shape
#include <haid/codec.hpp>
#include <memory>

struct Shape {
    virtual ~Shape() = default;
};

std::unique_ptr<Shape> receive(haid::Decoder& from) {
    return haid::decode<std::unique_ptr<Shape>>(from);
}
