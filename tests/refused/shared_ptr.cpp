// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: shared_ptr<int>
#include <haid/codec.hpp>
#include <memory>

void send(haid::Encoder& to, std::shared_ptr<int> value) {
    haid::encode(to, value);
}
