// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
#include <haid/codec.hpp>

void send(haid::Encoder& to, int number) {
    const auto add = [number](int x) { return x + number; };
    haid::encode(to, add);
}
