// expect: haid::crossing_exception: a part cannot cross to another process
#include <haid/exception.hpp>

struct Failure : std::exception {
    explicit Failure(const int* where);
    const int* where;
};

inline const bool failures_cross = haid::crossing_exception<Failure>(&Failure::where);
