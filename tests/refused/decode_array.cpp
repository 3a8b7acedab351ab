// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: int
#include <haid/codec.hpp>

void receive(haid::Decoder& from) {
    haid::decode<int[3]>(from);
}
