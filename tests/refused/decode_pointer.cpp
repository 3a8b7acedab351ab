// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: Node
#include <haid/codec.hpp>

struct Node {
    int value;
    Node* next;
};

Node receive(haid::Decoder& from) {
    return haid::decode<Node>(from);
}
