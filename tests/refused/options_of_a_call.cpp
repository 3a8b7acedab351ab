// expect g++: no matching function for call to 'haid::BasicPool<haid::detail::Threads>::BasicPool(
// expect clang: no matching constructor for initialization of 'haid::ThreadPool'
#include <haid/pool.hpp>

void send() {
    haid::ThreadPool pool({.workers = 2, .retries = 1});
}
