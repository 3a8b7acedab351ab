// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: int
#include <haid/codec.hpp>

void send(haid::Encoder& to, const int (&numbers)[3]) {
    haid::encode(to, numbers);
}
