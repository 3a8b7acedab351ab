// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: std::map
#include <haid/codec.hpp>
#include <map>
#include <string>
#include <vector>

using Table = std::map<std::string, std::vector<const char*>>;

Table receive(haid::Decoder& from) {
    return haid::decode<Table>(from);
}
