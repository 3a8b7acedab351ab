// expect: haid::crossing_exception: a part is a member of the exception, or can be called with one
#include <haid/exception.hpp>

#include <stdexcept>

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct Other {
    int line;
};

inline const bool failures_cross = haid::crossing_exception<Failure>(&Failure::what, &Other::line);
