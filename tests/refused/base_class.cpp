// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: Derived
#include <haid/codec.hpp>

struct Base {
    int a;
};
struct Derived : Base {
    int b;
};

Derived receive(haid::Decoder& from) {
    return haid::decode<Derived>(from);
}
