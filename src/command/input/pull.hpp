// Reading without waiting: every step from a file to a job's arguments either has a value, or is at its end, or would
// have to wait for a descriptor. Nothing in the program ever blocks on an input, so that time limits, signals and
// output go on.
#pragma once

#include <stdexcept>

namespace haid::command {

enum class Pull { value, end, blocked };

// Something about the input that the user has to mend; what() names the input and the place in it.
class InputError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace haid::command
