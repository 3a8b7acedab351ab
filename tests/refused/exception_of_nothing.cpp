// expect: haid::crossing_exception: such an exception can be made neither from a message nor from nothing
#include <haid/exception.hpp>

struct Failure : std::exception {
    Failure(int line, int column);
};

inline const bool failures_cross = haid::crossing_exception<Failure>();
