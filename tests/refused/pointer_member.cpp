// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: Experiment
#include <haid/codec.hpp>
#include <string>

struct Experiment {
    std::string name;
    double* values;
};

void send(haid::Encoder& to, const Experiment& experiment) {
    haid::encode(to, experiment);
}
