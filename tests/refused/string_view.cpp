// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: string_view
#include <haid/codec.hpp>
#include <string_view>
#include <utility>

void send(haid::Encoder& to, std::pair<int, std::string_view> value) {
    haid::encode(to, value);
}
