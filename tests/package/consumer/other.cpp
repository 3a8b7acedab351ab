#include <haid/haid.hpp>

int answer() {
    return 42;
}
