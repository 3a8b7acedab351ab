// The doors of the C++ library, each used once under a limit:
//
//     doors DOOR descriptors|processes LIMIT
//
// Says "right", or "error: " and why not. A limit of processes is that of a user whom nobody else is.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "haid/haid.hpp"

namespace {

constexpr int workers = 4;

int twice(int value) {
    return 2 * value;
}

std::vector<int> inputs() {
    std::vector<int> numbers(100);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

int sum(const std::vector<int>& numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0);
}

// What each of them is to give.
constexpr int expected = 9900;

const std::map<std::string, std::function<int()>> doors{
    {"pool", [] { return sum(haid::Pool(workers).map(twice, inputs())); }},
    {"pool in the background",
     [] {
         haid::Pool pool(workers);
         return sum(pool.map_async(twice, inputs()).get());
     }},
    {"pool with a callback",
     [] {
         haid::Pool pool(workers);
         int result = 0;
         std::exception_ptr failure;
         pool.map_async(
             twice, inputs(), {}, [&](const std::vector<int>& numbers) { result = sum(numbers); },
             [&](const std::exception_ptr& error) { failure = error; });
         pool.close();
         pool.join();
         if (failure) std::rethrow_exception(failure);
         return result;
     }},
    {"map",
     [] {
         int factor = 2;
         haid::MapOptions options;
         options.workers = workers;
         return sum(haid::map([&](int value) { return factor * value; }, inputs(), options));
     }},
    {"threads", [] { return sum(haid::ThreadPool(workers).map(twice, inputs())); }},
    {"process",
     [] {
         std::vector<haid::Process> processes;
         for (int i = 0; i < workers; ++i) processes.emplace_back(twice, i).start();
         int failures = 0;
         for (haid::Process& process : processes) {
             process.join();
             failures += process.exit_code() != 0;
         }
         return expected + failures;
     }},
};

void set_limit(const std::string& resource, rlim_t most) {
    const rlimit limit{most, most};
    if (resource == "descriptors") {
        ::setrlimit(RLIMIT_NOFILE, &limit);
        return;
    }
    ::setrlimit(RLIMIT_NPROC, &limit);
    const auto nobody_else = static_cast<uid_t>(1'000'000 + ::getpid());
    if (::setuid(nobody_else) != 0) std::cerr << "cannot become another user\n";
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4 || !doors.contains(arguments[1])) return 64;
    set_limit(arguments[2], std::strtoul(arguments[3], nullptr, 10));
    try {
        const int result = doors.at(arguments[1])();
        std::cout << (result == expected ? "right" : "wrong: " + std::to_string(result)) << std::endl;
    } catch (const std::exception& error) {
        std::cout << "error: " << error.what() << std::endl;
    }
}
