// One contestant of the benchmark of the library, and its figures on standard output.
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "haid/resources.hpp"
#include "library/contestants.hpp"

namespace {

const bench::Contestant& find(std::string_view name) {
    for (auto all : {bench::ours(), bench::peers()}) {
        for (const bench::Contestant& one : all) {
            if (one.name == name) return one;
        }
    }
    throw std::invalid_argument("library_bench: there is no contestant " + std::string(name));
}

// All of this process and its children: where the scheduler puts them then decides nothing.
void stay_on_one_cpu() {
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) == -1)
        throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
    std::size_t first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    if (sched_setaffinity(0, sizeof one, &one) == -1)
        throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
}

}  // namespace

void bench::tell(std::string_view name, double value) {
    std::printf("%.*s\t%.9g\n", static_cast<int>(name.size()), name.data(), value);
}

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        std::fputs("usage: library_bench CONTESTANT[@one_cpu] [TURNS]\n       library_bench cpus\n", stderr);
        return 2;
    }
    try {
        const int cpus = haid::cpu_count();
        std::string_view name = argv[1];
        constexpr std::string_view one_cpu = "@one_cpu";
        if (name.ends_with(one_cpu)) {
            name.remove_suffix(one_cpu.size());
            stay_on_one_cpu();
        }
        if (name == "cpus") {
            bench::tell("cpus", cpus);
        } else {
            find(name).run({.workers = cpus, .turns = argc == 3 ? std::stoull(argv[2]) : 0});
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
