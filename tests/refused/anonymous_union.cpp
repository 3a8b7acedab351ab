// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: Either
#include <haid/codec.hpp>

struct Either {
    int kind;
    union {
        int number;
        int* pointer;
    };
};

Either receive(haid::Decoder& from) {
    return haid::decode<Either>(from);
}
