// expect: haid::crossing_exception: the exception has no constructor that takes these parts
#include <haid/exception.hpp>

#include <stdexcept>

struct Failure : std::runtime_error {
    Failure(const std::string& what, int line);
    int line;
};

inline const bool failures_cross = haid::crossing_exception<Failure>(&Failure::line, &Failure::what);
